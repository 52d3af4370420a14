"""Who needs what on Azure: the tables of the documents, what another role gives as well, and the line that gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.azure.conftest import ENDPOINT, GROUP, SITE, STACK, USER_ASSIGNED, Files

from sluice.plan.access import SECRETS_READER
from sluice.plan.azure_access import WRITE_ROLES, Giver, Holder, Need, deployer_needs, is_met, stack_needs
from sluice.plan.azure_access_lines import az_line
from sluice.plan.azure_roles import ROLE_IDS
from sluice.plan.azure_workspace_access import ACCESS_POLICY, POLICIES, Linked, lacking_policies, workspace_needs
from sluice.plan.rights import Grant, Permission, Rights, lacking
from sluice.spec.load import check, load_specs
from sluice.spec.models import SpecSet
from sluice.targets.azure.written import read_written

CONTRIBUTOR = ROLE_IDS["Contributor"]
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
NO_ROLES = ("Microsoft.Authorization/*/Write",)
LINKED = Linked(
    SITE.id,
    storage=str(SITE.storage),
    vault=f"{GROUP}/providers/Microsoft.KeyVault/vaults/keys",
    registry=str(SITE.registry),
    insights=f"{GROUP}/providers/Microsoft.Insights/components/traces",
)
SESSION = SITE.identity_id("session")


def read(folder: Path, files: Files) -> SpecSet:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    specs = load_specs(folder)
    check(specs)
    return specs


def with_endpoint(content: str) -> Files:
    return {**STACK, "endpoints/answers/endpoint.yaml": content}


def of_stack(specs: SpecSet) -> set[tuple[str, str, str, Giver, bool]]:
    found = stack_needs(specs, SITE, read_written(specs))
    return {(one.who, one.role, one.scope, one.giver, one.optional) for one in found}


def test_a_system_assigned_identity_has_what_azure_gives_it(tmp_path: Path) -> None:
    assert of_stack(read(tmp_path, STACK)) == {
        ("answers", "AcrPull", "registry", Giver.AZURE, False),
        ("answers", "Storage Blob Data Reader", "storage", Giver.AZURE, False),
        ("answers", "AzureML Metrics Writer (preview)", "workspace", Giver.AZURE, True),
        ("answers", SECRETS_READER, "workspace", Giver.AZURE, False),
    }


def test_without_enforcement_azure_gives_no_secrets(tmp_path: Path) -> None:
    plain = ENDPOINT.replace("properties: {enforce_access_to_default_secret_stores: enabled}", "")
    assert SECRETS_READER not in {role for _, role, *_ in of_stack(read(tmp_path, with_endpoint(plain)))}


def test_a_user_assigned_identity_gets_the_documents_table_from_the_stack(tmp_path: Path) -> None:
    assert of_stack(read(tmp_path, with_endpoint(USER_ASSIGNED))) == {
        ("reader", "AcrPull", "registry", Giver.SLUICE, False),
        ("reader", "Storage Blob Data Reader", "storage", Giver.SLUICE, False),
        ("reader", "AzureML Metrics Writer (preview)", "workspace", Giver.SLUICE, True),
        ("reader", SECRETS_READER, "workspace", Giver.SLUICE, False),
    }


def test_whoever_deploys_needs_to_assign_roles_only_where_the_stack_assigns_some(tmp_path: Path) -> None:
    plain, named = (
        {one.scope for one in deployer_needs(specs, SITE, read_written(specs)) if WRITE_ROLES in one.rights.actions}
        for specs in (read(tmp_path / "a", STACK), read(tmp_path / "b", with_endpoint(USER_ASSIGNED)))
    )
    assert plain == set()
    assert named == {"workspace", "registry", "storage"}


def test_whoever_deploys_must_list_secrets_where_azure_is_to_give_them(tmp_path: Path) -> None:
    specs = read(tmp_path, STACK)
    actions = [action for one in deployer_needs(specs, SITE, read_written(specs)) for action in one.rights.actions]
    assert "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action" in actions
    assert "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write" in actions
    assert "Microsoft.Resources/deployments/write" in actions


@pytest.mark.parametrize("by_roles", [True, False])
def test_identities_of_a_workspace_get_the_table_of_the_session_documents(*, by_roles: bool) -> None:
    linked = Linked(LINKED.workspace, LINKED.storage, LINKED.vault, LINKED.registry, LINKED.insights, by_roles)
    found = {(one.scope, one.role) for one in workspace_needs([SESSION], linked) if one.who == "session"}
    assert found == {
        ("workspace", "Contributor"),
        ("storage", "Contributor"),
        ("storage", "Storage Blob Data Contributor"),
        ("storage", "Storage File Data Privileged Contributor"),
        ("key vault", "Contributor"),
        ("key vault", "Key Vault Administrator" if by_roles else ACCESS_POLICY),
        ("registry", "Contributor"),
        ("insights", "Contributor"),
    }


def test_who_submits_runs_may_hand_the_identity_over() -> None:
    submitter = next(one for one in workspace_needs([SESSION], LINKED) if one.holder is Holder.SUBMITTER)
    assert (submitter.role, submitter.scope_id) == ("Managed Identity Operator", SESSION)


def test_what_a_workspace_has_not_needs_no_role() -> None:
    found = workspace_needs([SESSION], Linked(SITE.id, storage=LINKED.storage))
    assert {one.scope for one in found} == {"workspace", "storage", "identity session"}


def need(role: str, rights: Rights = Rights(), scope: str = SITE.id) -> Need:  # noqa: B008 - frozen
    return Need("reader", Holder.IDENTITY, SESSION, role, "workspace", scope, "reads", Giver.SLUICE, rights)


def test_a_role_given_above_reaches_down_and_no_further() -> None:
    asked = need("AcrPull", scope=f"{GROUP}/providers/a/b/c")
    for scope, met in ((f"{GROUP}/providers/a/b/c", True), (GROUP, True), ("/subscriptions/SUB", True),
                       (f"{GROUP}2", False), (f"{GROUP}/providers/a/b/c/d/e", False)):  # fmt: skip
        assert is_met(asked, (Grant(ROLE_IDS["AcrPull"].upper(), scope),)) is met, scope


def test_an_owner_is_a_contributor_and_a_reader_of_secrets() -> None:
    owner = Grant(OWNER, GROUP, (Permission(("*",)),))
    assert is_met(need("Contributor"), (owner,))
    assert is_met(need(SECRETS_READER, Rights(("Microsoft.X/listsecrets/action",))), (owner,))
    assert not is_met(need("Key Vault Administrator"), (owner,))


def test_a_contributor_gives_no_roles_and_reads_no_data() -> None:
    contributor = Permission(("*",), NO_ROLES)
    asked = Rights((WRITE_ROLES, "Microsoft.X/y/read"), ("Microsoft.X/blobs/read",))
    assert lacking(asked, (contributor,)) == (WRITE_ROLES, "Microsoft.X/blobs/read")


def test_what_one_role_takes_another_gives() -> None:
    administrator = Permission(("Microsoft.Authorization/roleAssignments/*",))
    assert lacking(Rights((WRITE_ROLES,)), (Permission(("*",), NO_ROLES), administrator)) == ()


words = st.text("abcXYZ.", min_size=1, max_size=6)


@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_a_star_stands_for_anything(parts: list[str], data: st.DataObject) -> None:
    action = "/".join(parts)
    begin, end = sorted((data.draw(st.integers(0, len(action))), data.draw(st.integers(0, len(action)))))
    assert Permission((f"{action[:begin]}*{action[end:]}".swapcase(),)).allows(action)
    assert not Permission((f"{action}?",)).allows(action)


def test_a_policy_lacks_what_it_lacks_and_all_is_enough() -> None:
    assert (
        lacking_policies(POLICIES, {"keys": ["all"], "secrets": ["ALL"], "certificates": ["all"], "storage": ["all"]})
        == {}
    )
    given_ = {"keys": POLICIES["key"], "secrets": ("Get", "List"), "certificates": POLICIES["certificate"]}
    found = lacking_policies(POLICIES, given_)
    assert set(found) == {"secret", "storage"}
    assert found["secret"] == ["backup", "delete", "recover", "restore", "set"]
    assert not any("purge" in names for names in POLICIES.values())


def test_the_line_names_who_which_role_and_where() -> None:
    assert az_line(need("AcrPull"), SITE, "1234") == (
        "az role assignment create --assignee-object-id 1234 --assignee-principal-type ServicePrincipal"
        f" --role {ROLE_IDS['AcrPull']} --scope {SITE.id}  # AcrPull"
    )


def test_the_line_looks_up_who_is_not_known_yet() -> None:
    assert f"az identity show --ids {SESSION} --query principalId" in az_line(need("AcrPull"), SITE)
    own = Need("answers", Holder.ENDPOINT, "", "AcrPull", "registry", SITE.id, "", Giver.AZURE)
    assert "az ml online-endpoint show -n answers -w space -g group" in az_line(own, SITE)


def test_the_line_of_a_vault_with_policies_gives_everything_but_purge() -> None:
    policy = next(one for one in workspace_needs([SESSION], LINKED) if one.role == ACCESS_POLICY)
    line = az_line(policy, SITE, "1234")
    assert line.startswith("az keyvault set-policy --name keys --object-id 1234 --key-permissions backup")
    assert "--secret-permissions backup delete get" in line
    assert "purge" not in line

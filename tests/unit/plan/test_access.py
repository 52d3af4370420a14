"""Grants: those that follow from endpoints, and what access files add or put in their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.plan.access import (
    ENFORCE,
    ROLES,
    SECRETS_READER,
    Assignment,
    assignments,
    identities_of,
    may_read,
)
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Access, Endpoint, Grant, Identity, IdentityType

AT = Mark("access.yaml")
ARM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
SYSTEM = Identity(IdentityType.SYSTEM_ASSIGNED)
USER = Identity(IdentityType.USER_ASSIGNED, (f"{ARM}/reader", f"{ARM}/puller/"))
READS = Assignment("qa", SECRETS_READER, "workspace")
# The table of the deploy document, written out once more.
TABLE = {
    ("Azure Machine Learning Workspace Connection Secrets Reader", "workspace"),
    ("AcrPull", "registry"),
    ("Storage Blob Data Reader", "storage"),
    ("AzureML Metrics Writer (preview)", "workspace"),
}


def endpoint(identity: Identity, enforce: str | None = None) -> Endpoint:
    return Endpoint("qa", AT, identity=identity, properties=frozen_map({ENFORCE: enforce} if enforce else {}))


def granting(*grants: tuple[str, str, str], replace: bool = False) -> Access:
    return Access(AT, tuple(Grant(*one, AT) for one in grants), replace=replace)


@pytest.mark.parametrize(
    ("identity", "names"),
    [(SYSTEM, ("qa",)), (USER, ("reader", "puller")), (Identity(IdentityType.NONE), ())],
)
def test_identities(identity: Identity, names: tuple[str, ...]) -> None:
    assert identities_of(endpoint(identity)) == names


@pytest.mark.parametrize(
    ("enforce", "held"), [("enabled", (READS,)), ("Enabled", (READS,)), ("disabled", ()), ("", ()), (None, ())]
)
def test_a_system_assigned_identity_reads_secrets_when_access_is_enforced(
    enforce: str | None, held: tuple[Assignment, ...]
) -> None:
    assert assignments([endpoint(SYSTEM, enforce)], []) == held


@pytest.mark.parametrize("enforce", ["enabled", None])
def test_a_user_assigned_identity_has_the_roles_of_the_table(enforce: str | None) -> None:
    held = assignments([endpoint(USER, enforce)], [])
    expected = {Assignment(name, role, scope) for name in ("reader", "puller") for role, scope in TABLE}
    assert set(held) == expected
    assert list(held) == sorted(held)


def test_nobody_has_nothing() -> None:
    assert assignments([endpoint(Identity(IdentityType.NONE), "enabled")], []) == ()


def test_a_file_adds_to_what_is_derived_or_takes_its_place() -> None:
    file = ("qa", "AcrPull", "registry")
    mine = endpoint(SYSTEM, "enabled")
    assert assignments([mine], [granting(file)]) == (Assignment(*file), READS)
    assert assignments([mine], [granting(file, replace=True)]) == (Assignment(*file),)
    assert assignments([mine], [granting(replace=True), granting(file)]) == (Assignment(*file),)
    assert assignments([mine], [granting((READS.identity, READS.role, READS.scope))]) == (READS,)


@pytest.mark.parametrize(("identifier", "role"), ROLES.items())
def test_a_file_names_a_role_by_name_or_id_and_an_identity_by_name_or_arm_id(identifier: str, role: str) -> None:
    by_name = assignments([], [granting(("reader", role, "workspace"))])
    by_id = assignments([], [granting((f"{ARM}/reader", identifier.upper(), "workspace"))])
    assert by_name == by_id == (Assignment("reader", role, "workspace"),)


@given(
    st.lists(
        st.builds(
            Assignment,
            st.sampled_from(["qa", "other"]),
            st.sampled_from([SECRETS_READER, "AcrPull"]),
            st.sampled_from(["workspace", "connection/chat", "connection/chat2", "registry"]),
        )
    )
)
def test_who_may_read(held: list[Assignment]) -> None:
    allowed = {READS, Assignment("qa", SECRETS_READER, "connection/chat")}
    assert may_read("qa", "chat", held) == bool(allowed & set(held))

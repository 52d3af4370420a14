"""What has the form of a credential is in no finding; what only looks a little like one stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.files import validate_files
from sluice.spec.kinds import Kind
from sluice.spec.redaction import without_credentials

SECRET = "not-to-be-shown"
FORMS = (
    f"https://me:{SECRET}@host/x",
    f"https:/me:{SECRET}@host/x",
    f"//{SECRET}@host/x",
    f"me:{SECRET}@host/x",
    f"https://account.blob.core.windows.net/c/m?sv=2024&sig={SECRET}",
    f"./models/m?sig={SECRET}",
    f"https://host/p#access_token={SECRET}",
    f"AccountKey={SECRET};EndpointSuffix=x",
    f"Bearer {SECRET}",
    f"ghp_{SECRET}",
)


@pytest.mark.parametrize("form", [*FORMS, f"sk-{SECRET}-0123", f"x eyJ0eXAiOiJKV1QiLCJhbG.{SECRET}.c"])
def test_credentials_are_hidden(form: str) -> None:
    shown = without_credentials(f"`key` must be a mapping, found `{form}`")
    assert SECRET not in shown
    assert shown.startswith("`key` must be a mapping, found `")


def test_a_key_that_was_made_by_chance_is_hidden() -> None:
    made = "8fJq3v0Zt1XbN7cLw2Rk5YhGm9PsDa4Ue6To"
    assert without_credentials(f"found `{made}`") == "found `8fJq…`"
    assert without_credentials("found `0123456789abcdef0123456789abcdef`") == "found `0123…`"


@pytest.mark.parametrize(
    "text",
    [
        "azureml:model:1",
        "azureml:model@latest",
        "python:3.11@sha256:" + "0123456789abcdef" * 4,
        "127.0.0.1:5000/x:1@sha256:" + "0123456789abcdef" * 4,
        "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/g/providers/Microsoft.ManagedIdentity",
        "numpy==1.26.4",
        "authlib==1.2",
        "keyring=24.3.1",
        "`auth_mode: key`",
        "auth_mode=key",
        "a-name-that-is-a-good-deal-longer-than-32-characters",
        "thisnameisagooddeallongerthanthirtytwocharacters1",
        "Did you mean `${inputs.question}`?",
        "${{azureml://connections/c/credentials/key}}",
        "instance_count=3",
        "mail@example.com",
        "scikit-learn, sk-learn",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert without_credentials(text) == text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "template"),
    [
        (Kind.DEPLOYMENT, "name: '{0}'\nendpoint_name: '{0}'\ninstance_type: '{0}'\ninstance_count: '{0}'\n"),
        (Kind.DEPLOYMENT, "model: '{0}'\nenvironment: '{0}'\ntype: '{0}'\napi_key: '{0}'\nenv: '{0}'\n'{0}': 1\n"),
        (Kind.DEPLOYMENT, "model: {{path: '{0}'}}\nenvironment: {{image: '{0}', conda_file: '{0}'}}\n"),
        (Kind.DEPLOYMENT, "code_configuration: {{code: '{0}', scoring_script: '{0}'}}\n$schema: '{0}'\n"),
        (Kind.DEPLOYMENT, "environment_variables: ['PROMPTFLOW_X={0}']\nmodel: file:{0}\n"),
        (Kind.ENDPOINT, "name: a\ntraffic: '{0}'\nmirror_traffic: {{'{0}': '{0}'}}\ncompute: '{0}'\n"),
        (
            Kind.ENDPOINT,
            "auth_mode: '{0}'\nidentity: {{type: '{0}', user_assigned_identities: ['{0}', {{x: '{0}'}}]}}\n",
        ),
        (Kind.CONNECTION, "name: '{0}'\ntype: '{0}'\nis_shared: '{0}'\napi_key: ['{0}']\ncredentials: {{'{0}': 1}}\n"),
        (Kind.CONNECTION, "name: c\ntype: custom\nsecrets: {{'{0}': '{0}'}}\nconfigs: '{0}'\n"),
        (Kind.CONNECTION, "'{0}': 1\n'{0}': 2\n"),
        (Kind.RUN, "flow: '{0}'\ndata: '{0}'\nvariant: '{0}'\nresources: '{0}'\nconnections: {{a: '{0}'}}\n"),
        (Kind.MODEL, "name: '{0}'\nversion: '{0}'\npath: '{0}'\ntype: '{0}'\nflavors: '{0}'\n"),
        (Kind.FLEX_FLOW, "entry: '{0}'\ninputs: {{a: {{type: '{0}'}}}}\nenvironment: '{0}'\n"),
        (Kind.FLOW, "additional_includes: ['{0}']\nenvironment: {{python_requirements_txt: '{0}'}}\nnodes: '{0}'\n"),
    ],
)
def test_no_finding_tells_a_credential_wherever_it_stands(tmp_path: Path, kind: Kind, template: str, form: str) -> None:
    (tmp_path / "file.yaml").write_text(template.format(form), encoding="utf-8")
    results = validate_files(tmp_path, [tmp_path / "file.yaml"], kind)
    assert any(one.findings for one in results)
    assert SECRET not in repr(results)

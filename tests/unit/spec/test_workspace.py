from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.parse import parse_documents

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers"
ONE = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/one"
BOTH = f"identity:\n  type: system_assigned, user_assigned\n  user_assigned_identities:\n    '{ONE}': {{}}\n"


def findings(text: str) -> tuple[Diagnostic, ...]:
    return check_document(Document(Kind.WORKSPACE, parse_documents(text, "w.yml")[0]), Path("/")).diagnostics


def told(text: str) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in findings(text)]


@pytest.mark.parametrize(
    "text",
    [
        BOTH,
        BOTH.replace(", ", ","),
        BOTH.replace("system_assigned, user_assigned", "SystemAssigned, UserAssigned"),
        BOTH.replace("system_assigned, user_assigned", "user_assigned"),
        BOTH + f"primary_user_assigned_identity: {ONE.lower()}\n",
        "identity: {type: system_assigned}\n",
        "identity: {type: none}\n",
        f"name: w\nlocation: eastus\nstorage_account: {GROUP}/Microsoft.Storage/storageAccounts/s\n",
        "public_network_access: Disabled\nhbi_workspace: 'yes'\ntags: {a: b}\n",
        "network_acls: {default_action: Deny, ip_rules: [{value: 203.0.113.0/24}]}\n",
        "network_acls: {default_action: Allow}\n",
        "managed_network:\n  isolation_mode: AllowInternetOutbound\n"
        "  outbound_rules: [{name: a, type: fqdn, destination: data.example.com}]\n",
        "managed_network:\n  outbound_rules:\n  - name: a\n    type: service_tag\n"
        "    destination: {service_tag: DataFactory, protocol: TCP, port_ranges: '80'}\n",
        "mlflow_tracking_uri: azureml://x\nid: x\n",
    ],
)
def test_right_workspaces(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("identity: {type: system}\n", ["error 1:18 enum"]),
        ("identity: {}\n", ["error 1:1 required"]),
        ("identity: {type: user_assigned}\n", ["error 1:1 identity"]),
        (BOTH.replace("system_assigned, user_assigned", "system_assigned"), ["error 3:3 identity"]),
        (BOTH.replace("{}", ""), ["warning 4:5 identity"]),
        (BOTH.replace("Microsoft.", "/"), ["error 4:5 arm-id"]),
        (BOTH + f"primary_user_assigned_identity: {ONE}2\n", ["error 5:33 identity"]),
        ("identity: {type: user_assigned, user_assigned_identities: [a]}\n", ["error 1:59 type"]),
        ("key_vault: kv\n", ["error 1:12 arm-id"]),
        ("key_vault: <your key vault>\n", ["warning 1:12 arm-id"]),
        (f"key_vault: {GROUP.replace('00000000-', '0-')}/Microsoft.KeyVault/vaults/v\n", ["error 1:12 arm-id"]),
        ("key_vault: /subscriptions/<id>/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v\n",
         ["warning 1:12 arm-id"]),
        ("public_network_access: off\n", ["error 1:24 type"]),
        ("tags: {a: 1}\n", ["error 1:11 type"]),
        ("lokation: eastus\n", ["error 1:1 unknown-key"]),
        ("network_acls: {default_action: Deny}\n", ["error 1:16 required"]),
        ("network_acls: {default_action: Never}\n", ["error 1:32 enum"]),
        ("managed_network: {isolation_mod: disabled}\n", ["error 1:19 unknown-key"]),
        ("managed_network: {changes: 1}\n", ["warning 1:19 unknown-key"]),
        ("managed_network: {outbound_rules: [{name: a, type: fqdn, destination: {service_tag: b}}]}\n",
         ["error 1:71 type"]),
        ("managed_network: {outbound_rules: [{name: a, type: private_endpoint, destination: {spark_enabled: true}}]}\n",
         ["error 1:70 required", "error 1:70 required"]),
        ("managed_network: {outbound_rules: [{name: a, type: private_endpoint, destination: b}]}\n",
         ["error 1:83 type"]),
    ],
)  # fmt: skip
def test_wrong_workspaces(text: str, expected: list[str]) -> None:
    assert sorted(told(text)) == sorted(expected)

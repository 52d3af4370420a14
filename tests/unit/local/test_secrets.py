"""Connections are handed out to those with the grant, and to nobody else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import AccessDenied, NotFound
from sluice.plan.access import SECRETS_READER
from sluice.targets.local.secrets import read_connections
from sluice.targets.local.target import LocalTarget

IDENTITIES = st.sampled_from(["qa", "other"])
ROLES = st.sampled_from([SECRETS_READER, "AcrPull"])
SCOPES = st.sampled_from(["workspace", "connection/chat", "connection/other", "registry"])
GRANTS = st.lists(st.tuples(IDENTITIES, ROLES, SCOPES), max_size=4, unique=True)


@pytest.fixture
def stack(target: LocalTarget) -> LocalTarget:
    """A stack with two connections."""
    for name in ("chat", "search"):
        record = {"name": name, "type": "open_ai", "configs": {"base": "u"}, "secrets": {"api_key": f"key of {name}"}}
        target.records("connections").put(name, {**record, "revision": "1"})
    return target


def grant(target: LocalTarget, identity: str, role: str, scope: str) -> None:
    target.records("role-assignments").put(
        f"{identity}/{role}/{scope}", {"identity": identity, "role": role, "scope": scope}
    )


@given(GRANTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_the_secret_is_given_with_the_role_at_the_right_scope_and_only_then(
    stack: LocalTarget, grants: list[tuple[str, str, str]]
) -> None:
    for file in stack.paths.registry("role-assignments").glob("*"):
        file.unlink()
    for one in grants:
        grant(stack, *one)
    allowed = any(
        identity == "qa" and role == SECRETS_READER and scope in ("workspace", "connection/chat")
        for identity, role, scope in grants
    )
    try:
        given_out = read_connections(stack, "qa", {"llm": "chat"})
    except AccessDenied:
        assert not allowed
    else:
        assert allowed
        assert given_out["llm"]["secrets"] == {"api_key": "key of chat"}


def test_bundles_have_the_name_the_deployment_uses_and_no_more_than_it_needs(stack: LocalTarget) -> None:
    grant(stack, "qa", SECRETS_READER, "workspace")
    found = read_connections(stack, "qa", {"llm": "chat", "again": "chat", "search": "search"})
    assert found.keys() == {"llm", "again", "search"}
    assert found["llm"] == found["again"]
    assert found["search"] == {"type": "open_ai", "configs": {"base": "u"}, "secrets": {"api_key": "key of search"}}


def test_the_refusal_names_identity_role_scope_and_connection_and_no_secret(stack: LocalTarget) -> None:
    with pytest.raises(AccessDenied) as caught:
        read_connections(stack, "qa", {"llm": "chat"})
    for word in ("identity qa", SECRETS_READER, "scope workspace", "connection chat"):
        assert word in caught.value.message
    assert "key of chat" not in str(caught.value)


def test_nobody_reads_nothing(stack: LocalTarget) -> None:
    grant(stack, "qa", SECRETS_READER, "workspace")
    with pytest.raises(AccessDenied, match=r"identity \(none\) lacks role"):
        read_connections(stack, None, {"llm": "chat"})
    assert read_connections(stack, None, {}) == {}


def test_a_connection_that_is_not_there(stack: LocalTarget) -> None:
    grant(stack, "qa", SECRETS_READER, "workspace")
    with pytest.raises(NotFound, match="connection gone does not exist here"):
        read_connections(stack, "qa", {"llm": "gone"})

"""Identity, RoleAssignment and Connection over the wire: made, compared, read, changed, removed."""

from __future__ import annotations

import pytest
from provider_calls import SECRET, SIGNATURE, UNKNOWN, Plain, Plugin, refused, secret

from sluice.plan.access import SECRETS_READER
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.registry import Registry

IDENTITY: Plain = {"name": "library", "type": "system_assigned"}
ROLE: Plain = {"identity": "library", "role": SECRETS_READER, "scope": "workspace"}
CONNECTION: Plain = {
    "name": "chat_model",
    "type": "open_ai",
    "configs": {"base_url": "http://127.0.0.1:8111/v1"},
    "secrets": {"api_key": secret("a key")},
}
RECORDS = {
    "Identity": (IDENTITY, "library"),
    "RoleAssignment": (ROLE, f"library/{SECRETS_READER}/workspace"),
    "Connection": (CONNECTION, "chat_model"),
}
EVERY = pytest.mark.parametrize("kind", RECORDS)


def stored(plugin: Plugin, folder: str, key: str) -> Plain | None:
    return Registry(StackPaths.of(plugin.root, "dev").registry(folder)).get(key)


@EVERY
def test_what_is_created_is_read_back_and_shows_no_difference(plugin: Plugin, kind: str) -> None:
    inputs, identifier = RECORDS[kind]
    made, state = plugin.create(kind, inputs)
    assert made == identifier
    assert inputs.items() <= state.items() or kind == "Connection"
    read, live, live_inputs = plugin.read(kind, identifier, state)
    assert (read, live) == (identifier, state)
    assert live_inputs.keys() == inputs.keys()
    assert plugin.diff(kind, live, inputs).changes == 1  # DIFF_NONE
    assert plugin.kinds(kind, live, inputs) == {}


@EVERY
def test_an_import_needs_the_id_alone(plugin: Plugin, kind: str) -> None:
    inputs, identifier = RECORDS[kind]
    _, state = plugin.create(kind, inputs)
    assert plugin.read(kind, identifier) == plugin.read(kind, identifier, state)


@EVERY
def test_what_is_not_there_is_answered_by_nothing(plugin: Plugin, kind: str) -> None:
    assert plugin.read(kind, RECORDS[kind][1]) == ("", {}, {})


@EVERY
def test_creating_again_after_a_crash_changes_nothing(plugin: Plugin, kind: str) -> None:
    inputs, _ = RECORDS[kind]
    assert plugin.create(kind, inputs) == plugin.create(kind, inputs)


@EVERY
def test_what_is_deleted_is_gone_and_may_be_deleted_again(plugin: Plugin, kind: str) -> None:
    inputs, identifier = RECORDS[kind]
    _, state = plugin.create(kind, inputs)
    for _ in range(2):
        plugin.delete(kind, identifier, state)
        assert plugin.read(kind, identifier, state) == ("", {}, {})


def test_an_identity_has_the_same_ids_on_every_machine(plugin: Plugin) -> None:
    _, state = plugin.create("Identity", IDENTITY)
    assert state["principalId"] == "e142adcf-6fa2-5cfd-b276-5d55e63b8d57"
    assert state["clientId"] != state["principalId"]


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("Identity", {"type": "user_assigned"}, {"type": "UPDATE_REPLACE"}),
        ("RoleAssignment", {"scope": "connection/chat_model"}, {"scope": "UPDATE_REPLACE"}),
        ("Connection", {"name": "other"}, {"name": "UPDATE_REPLACE"}),
        ("Connection", {"configs": {"base_url": "http://127.0.0.1:1"}}, {"configs.base_url": "UPDATE"}),
        ("Connection", {"configs": {}}, {"configs.base_url": "DELETE"}),
        ("Connection", {"secrets": {"api_key": secret("new")}}, {"secrets.api_key": "UPDATE"}),
        (
            "Connection",
            {"secrets": {"api_key": secret("a key"), "other": secret("one more")}},
            {"secrets.other": "ADD"},
        ),
    ],
)
def test_a_difference_is_told_by_path_and_kind(
    plugin: Plugin, kind: str, change: Plain, expected: dict[str, str]
) -> None:
    inputs, _ = RECORDS[kind]
    _, state = plugin.create(kind, inputs)
    found = plugin.diff(kind, state, inputs | change)
    assert plugin.kinds(kind, state, inputs | change) == expected
    assert found.changes == 2  # DIFF_SOME
    assert list(found.diffs) == [next(iter(change))]
    replaced = [path for path, how in expected.items() if how.endswith("REPLACE")]
    assert list(found.replaces) == replaced
    assert not found.deleteBeforeReplace


def test_ignored_changes_are_no_difference(plugin: Plugin) -> None:
    _, state = plugin.create("Connection", CONNECTION)
    assert plugin.kinds("Connection", state, CONNECTION | {"configs": {}}, "configs") == {}


def test_a_connections_revision_changes_with_its_content_and_only_then(plugin: Plugin) -> None:
    _, state = plugin.create("Connection", CONNECTION)
    same = plugin.update("Connection", "chat_model", state, CONNECTION)
    other = plugin.update("Connection", "chat_model", same, CONNECTION | {"secrets": {"api_key": secret("new")}})
    assert same["revision"] == state["revision"] != other["revision"]
    assert "new" not in other["revision"]


def test_secrets_are_marked_on_the_wire_and_plain_for_the_target(plugin: Plugin) -> None:
    _, state = plugin.create("Connection", CONNECTION)
    assert state["secrets"] == {SIGNATURE: SECRET, "value": {"api_key": "a key"}}
    assert stored(plugin, "connections", "chat_model") == {
        **CONNECTION,
        "secrets": {"api_key": "a key"},
        "revision": state["revision"],
    }
    _, live, inputs = plugin.read("Connection", "chat_model", state)
    assert live["secrets"] == inputs["secrets"] == state["secrets"]
    changed = plugin.update("Connection", "chat_model", state, CONNECTION | {"type": "custom"})
    assert changed["secrets"][SIGNATURE] == SECRET
    previewed = plugin.update("Connection", "chat_model", state, CONNECTION, preview=True)
    assert previewed["secrets"][SIGNATURE] == SECRET


def test_an_empty_secret_is_refused_by_its_property(plugin: Plugin) -> None:
    empty = CONNECTION | {"secrets": {"api_key": secret("")}}
    assert plugin.check("Connection", empty) == [("secrets", "connection chat_model: secret api_key is empty")]
    assert plugin.check("Connection", CONNECTION) == []


def test_what_a_preview_can_not_know_is_not_checked(plugin: Plugin) -> None:
    assert plugin.check("Connection", CONNECTION | {"secrets": {"api_key": "", "other": UNKNOWN}}) == []


def test_a_preview_makes_nothing_and_says_what_will_be_known_later(plugin: Plugin) -> None:
    identifier, foreseen = plugin.create("Connection", CONNECTION, preview=True)
    assert identifier == ""
    assert foreseen["revision"] == UNKNOWN
    assert foreseen["name"] == "chat_model"
    assert stored(plugin, "connections", "chat_model") is None
    _, state = plugin.create("Connection", CONNECTION)
    other = plugin.update("Connection", "chat_model", state, CONNECTION | {"type": "custom"}, preview=True)
    assert (other["type"], other["revision"]) == ("custom", UNKNOWN)
    kept = stored(plugin, "connections", "chat_model")
    assert kept is not None
    assert kept["type"] == "open_ai"


def test_an_unknown_input_differs_from_all(plugin: Plugin) -> None:
    _, state = plugin.create("Connection", CONNECTION)
    unknown = CONNECTION | {"configs": UNKNOWN, "secrets": {"api_key": UNKNOWN}}
    assert plugin.kinds("Connection", state, unknown) == {"configs": "UPDATE", "secrets.api_key": "UPDATE"}


def test_stacks_keep_their_records_apart(plugin: Plugin) -> None:
    plugin.create("Identity", IDENTITY)
    assert not StackPaths.of(plugin.root, "prod").root.exists()


def test_a_folder_that_can_not_be_written_is_one_clean_line(plugin: Plugin) -> None:
    (plugin.root / ".sluice").write_text("a file where the folder should be")
    with refused() as words:
        plugin.create("Identity", IDENTITY)
    assert "identities/library.json: can't be " in words[0]
    assert "Traceback" not in words[0]

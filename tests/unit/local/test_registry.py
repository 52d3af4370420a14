"""Records by any key."""

from __future__ import annotations

import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluice.errors import StorageFailed
from sluice.targets.local.registry import Registry

KEYS = st.text(min_size=1, max_size=300)
ARM = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/a-group/providers/Microsoft.X/workspaces/w"
REAL = f"an-identity/Azure Machine Learning Workspace Connection Secrets Reader/{ARM}"


@given(st.dictionaries(KEYS, st.integers(), max_size=5))
@example({".": 1, "..": 2, "a/b": 3, "a%2Fb": 4, "a": 5, "a.json": 6})
@example({REAL: 1, f"{REAL}2": 2, "ü" * 100: 3, "ü" * 99: 4})
def test_every_key_has_its_own_record(wanted: dict[str, int]) -> None:
    with TemporaryDirectory() as name:
        registry = Registry(Path(name) / "records")
        for key, number in wanted.items():
            registry.put(key, {"number": number})
        assert {key: registry.get(key) for key in wanted} == {key: {"number": n} for key, n in wanted.items()}
        assert sorted(record["number"] for record in registry.values()) == sorted(wanted.values())
        assert all(file.parent == registry.folder for file in Path(name).rglob("*.json"))
        for key in wanted:
            registry.delete(key)
            registry.delete(key)
            assert registry.get(key) is None
        assert registry.values() == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")
    assert (registry.get("one"), registry.values()) == (None, [])
    registry.delete("one")


def test_a_record_is_for_its_owner_alone(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "connections")
    registry.put("chat", {"secrets": {"api_key": "hidden"}})
    [file] = registry.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_damaged_record_is_said_so(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.put("chat", {})
    (tmp_path / "chat.json").write_text('{"secrets": {"api')
    for ask in (lambda: registry.get("chat"), registry.values):
        with pytest.raises(StorageFailed, match=r"chat\.json: is damaged") as caught:
            ask()
        assert "api" not in str(caught.value)

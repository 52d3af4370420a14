"""What a stack leaves of its images, and which build of the history is the one that failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluice.engine.images import contexts_folder, failed_build, machine_services, manifests_folder, release_stack


def record(reference: str, name: str, seconds: int, *, failed: bool = True) -> str:
    error = {"error": {"code": 2, "message": "exit code: 3"}} if failed else {}
    exporters = [{"Type": "image", "Attrs": {"name": name, "push": "1"}}]
    made = {"seconds": seconds, "nanos": 5}
    return json.dumps({"type": 1, "record": {"Ref": reference, "Exporters": exporters, "CreatedAt": made, **error}})


def test_the_last_failed_one_of_this_image() -> None:
    lines = [
        record("older", "127.0.0.1:5005/qa/blue:0123456789ab", 1),
        record("wanted", "127.0.0.1:5005/qa/blue:ab0123456789", 2),
        record("succeeded", "127.0.0.1:5005/qa/blue:ab0123456789", 3, failed=False),
        record("another", "127.0.0.1:5005/qa/green:ab0123456789", 4),
        record("longer-name", "127.0.0.1:5005/qa/blue-green:ab0123456789", 5),
    ]
    assert failed_build("\n".join(lines), "qa/blue") == "wanted"


def test_none_where_none_failed_or_nothing_was_said() -> None:
    assert failed_build(record("a", "r/qa/blue:1", 1, failed=False), "qa/blue") == ""
    assert failed_build('not json\n{}\n{"record": 1}\n', "qa/blue") == ""
    assert failed_build("", "qa/blue") == ""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("SLUICE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("staged", [True, False])
def test_a_stack_that_is_gone_leaves_nothing_of_its_images(tmp_path: Path, *, staged: bool) -> None:
    folders = [manifests_folder(tmp_path, "dev"), *([contexts_folder(tmp_path, "dev")] if staged else [])]
    for folder in folders:
        (folder / "qa").mkdir(parents=True)
        (folder / "qa" / "blue.json").write_text("{}")
    other = manifests_folder(tmp_path, "prod")
    other.mkdir(parents=True)
    assert not release_stack(tmp_path, "dev")  # no service ran
    assert not any(folder.exists() for folder in folders)
    assert other.exists()
    other.rmdir()
    assert not release_stack(tmp_path, "dev")
    assert not list((tmp_path / ".sluice").iterdir())


def test_what_buildkit_leaves_of_temporary_files_is_removed() -> None:
    services = machine_services()
    left = services.programs.folder.buildkit_temporary / "buildkit-mount1"
    left.mkdir(parents=True)
    services.builder.tidied()
    assert not left.parent.exists()
    services.builder.tidied()

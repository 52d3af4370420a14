"""An installed engine is found whole or not at all, and changed files are noticed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.engine.cache import (
    MANIFEST,
    cached_engine,
    damaged_files,
    engine_home,
    publish,
    read_manifest,
    staging_folder,
    storage_errors,
    write_manifest,
)
from sluice.errors import StorageFailed

VERSION = "3.259.0"
HOUR = 3600 * 10**9


def put(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / "bin" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
        file.chmod(0o755)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds one engine with a language host."""
    home = engine_home(tmp_path, VERSION)
    put(home, "pulumi", "pulumi-language-python")
    write_manifest(home, VERSION, "built from Go modules")
    return tmp_path


def test_an_installed_engine_is_found_with_its_language_host(cache: Path) -> None:
    engine = cached_engine(cache, VERSION)
    assert engine is not None
    assert engine.command == cache / "engines" / VERSION / "bin" / "pulumi"
    assert engine.language_host == engine.bin / "pulumi-language-python"
    assert (engine.version, engine.source) == (VERSION, "built from Go modules")
    assert cached_engine(cache, "3.260.0") is None


def test_without_a_language_host_there_is_still_an_engine(tmp_path: Path) -> None:
    home = engine_home(tmp_path, VERSION)
    put(home, "pulumi")
    write_manifest(home, VERSION, "official release")
    engine = cached_engine(tmp_path, VERSION)
    assert engine is not None
    assert engine.language_host is None


def truncate(command: Path) -> None:
    command.write_text("cut")


def remove(command: Path) -> None:
    command.unlink()


def exchange(command: Path) -> None:
    seen = command.stat()
    command.write_bytes(bytes(reversed(command.read_bytes())))
    os.utime(command, ns=(seen.st_atime_ns, seen.st_mtime_ns + HOUR))


def forbid(command: Path) -> None:
    command.chmod(0o644)


@pytest.mark.parametrize("harm", [truncate, remove, exchange, forbid])
def test_a_harmed_engine_is_not_found(cache: Path, harm: Callable[[Path], None]) -> None:
    harm(engine_home(cache, VERSION) / "bin" / "pulumi")
    assert cached_engine(cache, VERSION) is None


def test_a_copied_cache_is_compared_by_content_and_then_known(cache: Path) -> None:
    home = engine_home(cache, VERSION)
    before = (home / MANIFEST).read_text()
    os.utime(home / "bin" / "pulumi", ns=(HOUR, HOUR))
    assert cached_engine(cache, VERSION) is not None
    manifest = read_manifest(home)
    assert manifest is not None
    assert manifest.files["pulumi"].mtime_ns == HOUR
    assert (home / MANIFEST).read_text() != before


def test_an_engine_for_another_processor_is_not_found(cache: Path) -> None:
    manifest = engine_home(cache, VERSION) / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "platform": "Plan9-vax"}))
    assert cached_engine(cache, VERSION) is None


def test_the_full_check_sees_what_the_cheap_one_can_not(cache: Path) -> None:
    home = engine_home(cache, VERSION)
    command = home / "bin" / "pulumi"
    seen = command.stat()
    command.write_bytes(bytes(reversed(command.read_bytes())))
    os.utime(command, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert cached_engine(cache, VERSION) is not None
    assert damaged_files(home) == ("pulumi",)
    (home / "bin" / "pulumi-language-python").unlink()
    assert damaged_files(home) == ("pulumi", "pulumi-language-python")
    (home / MANIFEST).unlink()
    assert damaged_files(home) == (MANIFEST,)


@given(text=st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_manifest_text_breaks_the_search(cache: Path, text: str) -> None:
    (engine_home(cache, VERSION) / MANIFEST).write_text(text, encoding="utf-8")
    assert cached_engine(cache, VERSION) is None


def test_publishing_takes_the_place_of_what_stood_there(cache: Path) -> None:
    home = engine_home(cache, VERSION)
    (home / "bin" / "pulumi").write_text("broken")
    with staging_folder(engine_home(cache, VERSION)) as staged:
        put(staged, "pulumi")
        write_manifest(staged, VERSION, "official release")
        publish(staged, engine_home(cache, VERSION))
    engine = cached_engine(cache, VERSION)
    assert engine is not None
    assert engine.source == "official release"
    assert [entry.name for entry in home.parent.iterdir()] == [VERSION]


def test_what_killed_installations_left_goes_with_the_next_one(cache: Path) -> None:
    put(cache / "engines" / f".staging-{VERSION}-killed", "pulumi")
    put(cache / "engines" / ".staging-3.1.0-of-another-version", "pulumi")
    with staging_folder(engine_home(cache, VERSION)):
        pass
    assert sorted(entry.name for entry in (cache / "engines").iterdir()) == [
        ".staging-3.1.0-of-another-version",
        VERSION,
    ]


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_what_the_disk_refuses_is_said_in_words(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(StorageFailed, match=words) as caught, storage_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in caught.value.message
    assert "SLUICE_CACHE" in caught.value.remedy


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError), storage_errors(tmp_path):
        raise ChildProcessError(errno.ECHILD, "no child")

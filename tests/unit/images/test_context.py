"""Build contexts: what is sent, the hash that is the same everywhere, and the copy that is made of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import Mark, SpecError, StorageFailed
from sluice.images.context import (
    CONTEXT_LIMIT,
    CONTEXT_WARNING,
    context_hash,
    read_context,
    sealed,
    size_findings,
    sizes,
    stage,
)
from sluice.images.models import ImagePlan
from sluice.spec.frozen import frozen_map

Tree = Callable[..., Path]
CONTENTS = st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "e"]), st.binary(max_size=8), min_size=1)


def plan_of(files: dict[str, Path | bytes], dockerfile: str = "FROM base\n") -> ImagePlan:
    return sealed(ImagePlan("qa/blue", dockerfile, frozen_map(files), "", "base"))


def test_what_dockerignore_names_is_not_sent(tree: Tree) -> None:
    folder = tree({"Dockerfile": "FROM a", ".dockerignore": "*.log\nbig", "x.log": "", "big/y": "", "src/z.py": ""})
    found = read_context(folder)
    assert found.dockerfile == "FROM a"
    assert list(found.files) == [".dockerignore", "Dockerfile", "src/z.py"]


def test_a_dockerfile_may_have_an_ignore_file_of_its_own(tree: Tree) -> None:
    names = {"docker/a.Dockerfile": "FROM a", "docker/a.Dockerfile.dockerignore": "x", ".dockerignore": "y"}
    folder = tree({**names, "x": "", "y": ""})
    found = read_context(folder, "docker/a.Dockerfile").files
    assert "y" in found
    assert "x" not in found


def test_the_dockerfile_is_read_even_where_it_is_ignored(tree: Tree) -> None:
    found = read_context(tree({"Dockerfile": "FROM a", ".dockerignore": "*"}))
    assert found.dockerfile == "FROM a"
    assert not found.files


def test_links_stay_links_and_empty_folders_stay(tree: Tree) -> None:
    folder = tree({"Dockerfile": "", "a": "1"})
    (folder / "link").symlink_to("a")
    (folder / "nowhere").symlink_to("gone")
    (folder / "around").symlink_to(".")
    (folder / "empty").mkdir()
    plan = plan_of(dict(read_context(folder).files))
    assert set(plan.files) == {"Dockerfile", "a", "link", "nowhere", "around", "empty/"}
    inside = stage(plan, folder.parent / "staged") / "context"
    assert [(inside / name).readlink() for name in ("link", "nowhere", "around")] == [Path("a"), Path("gone"), Path()]
    assert (inside / "empty").is_dir()


def test_a_socket_is_refused_unless_it_is_ignored(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree({"Dockerfile": ""})
    monkeypatch.chdir(folder)  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
        with pytest.raises(SpecError, match="`s` in the build context is neither"):
            read_context(folder)
        (folder / ".dockerignore").write_text("s")
        assert "s" not in read_context(folder).files


def test_no_dockerfile(tree: Tree) -> None:
    with pytest.raises(SpecError, match=r"has no `b\.Dockerfile`"):
        read_context(tree({"Dockerfile": ""}), "b.Dockerfile")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENTS, st.integers(0, 2_000_000_000), st.sampled_from([0o600, 0o644, 0o664]))
def test_the_hash_and_the_copy_know_nothing_of_times_modes_and_places(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes], time: int, mode: int
) -> None:
    files: list[dict[str, Path | bytes]] = [{}, dict(contents)]
    root = tmp_path_factory.mktemp("one")
    for name, content in reversed(contents.items()):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        os.utime(path, (time, time))
        files[0][name] = path
    first, second = (plan_of(one) for one in files)
    assert first.context_hash == second.context_hash
    staged = [stage(plan, root / f"staged-{number}") for number, plan in enumerate((first, second))]
    looks = [
        sorted((p.relative_to(one).as_posix(), p.stat().st_mode, p.stat().st_mtime) for p in one.rglob("*"))
        for one in staged
    ]
    assert looks[0] == looks[1]
    assert {(staged[0] / "context" / name).read_bytes() for name in contents} == set(contents.values())


@given(CONTENTS, CONTENTS, st.text(), st.text())
def test_equal_hashes_mean_equal_contexts(
    one: dict[str, bytes], other: dict[str, bytes], text: str, other_text: str
) -> None:
    same = (one, text.encode(errors="replace")) == (other, other_text.encode(errors="replace"))
    text, other_text = (t.encode(errors="replace").decode() for t in (text, other_text))
    assert (context_hash(text, one) == context_hash(other_text, other)) == same


def test_the_executable_bit_counts(tree: Tree) -> None:
    file = tree({"run.sh": "true"}) / "run.sh"
    before = plan_of({"run.sh": file})
    file.chmod(0o750)
    after = plan_of({"run.sh": file})
    assert before.context_hash != after.context_hash
    staged = stage(after, file.parent / "staged") / "context" / "run.sh"
    assert staged.stat().st_mode & 0o777 == 0o755


def test_files_of_one_size_and_other_content_have_other_times(tree: Tree) -> None:
    """BuildKit sends only what differs in size or time from what it was sent before."""
    folder = tree({})
    folder.mkdir()
    times = {
        (stage(plan_of({"a": text.encode()}), folder) / "context" / "a").stat().st_mtime for text in ("one", "two")
    }
    assert len(times) == 2


def test_what_is_staged_is_staged_once(tree: Tree) -> None:
    folder = tree({})
    plan = plan_of({"a": b"1"})
    first = stage(plan, folder)
    before = (first / "context" / "a").stat().st_ino
    assert stage(plan, folder) == first
    assert (first / "context" / "a").stat().st_ino == before
    assert [path.name for path in folder.iterdir()] == [plan.context_hash]


def test_a_file_that_changes_meanwhile_is_noticed(tree: Tree) -> None:
    file = tree({"a": "1"}) / "a"
    plan = plan_of({"a": file})
    file.write_text("2")
    with pytest.raises(SpecError, match="changed while they were read"):
        stage(plan, file.parent / "staged")
    assert list((file.parent / "staged").iterdir()) == []


def test_a_file_that_is_gone(tree: Tree) -> None:
    with pytest.raises(SpecError, match=r"can't be read: .*gone"):
        plan_of({"a": tree({}) / "gone"})


def test_a_place_that_can_not_be_written(tree: Tree) -> None:
    folder = tree({"file": ""})
    with pytest.raises(StorageFailed, match="can't be written"):
        stage(plan_of({"a": b""}), folder / "file" / "below")


def test_a_large_context_is_told_with_its_largest_parts() -> None:
    at = Mark("environment.yaml", 3)
    assert size_findings({"a": CONTEXT_WARNING}, at) == ()
    warning = size_findings({"data/x": CONTEXT_WARNING, "data/y": 1, "b": 10}, at)[0]
    assert warning.severity == "warning"
    assert "256.0 MiB" in warning.message
    assert warning.remedy.endswith("Largest: `data/` (256.0 MiB), `b` (10 bytes).")
    assert ".dockerignore" in warning.remedy
    error = size_findings({"data/x": CONTEXT_LIMIT + 1}, at)[0]
    assert (error.severity, error.at) == ("error", at)
    assert "2.0 GiB" in error.message


def test_sizes(tree: Tree) -> None:
    assert sizes({"a": b"123", "b": tree({"b": "12345"}) / "b"}) == {"a": 3, "b": 5}


def test_another_plan_with_the_same_files_is_another_context() -> None:
    plan = plan_of({"a": b"1"})
    assert sealed(replace(plan, dockerfile="FROM other\n")).context_hash != plan.context_hash

"""Locking with the real uv, from an index of our own: no network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from package_index import PASSWORD, USER, PackageIndex, private_index
from projects import Project

from sluice.errors import EnvironmentFailed, Interrupted, SpecError
from sluice.images.feeds import split_feeds
from sluice.images.lock import LockRequest, asked_for, read_lock
from sluice.images.locking import resolve
from sluice.images.prepare import indexes_of
from sluice.images.uv import Run

pytestmark = pytest.mark.process

CREDENTIAL = {"SLUICE_FEED_127_0_0_1": f"{USER}:{PASSWORD}"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with private_index() as one:
        one.add("books", "1.0")
        one.add("books", "1.1")
        one.add("shelf", "2.0", ("books", "dust; sys_platform == 'win32'"))
        one.add("dust", "0.1")
        one.add("server", "3.0", ("shelf",))
        yield one


def lock(index: PackageIndex, *lines: str, server: tuple[str, ...] = (), previous: str | None = None) -> str:
    feeds, others = split_feeds([f"-i {index.placeholder}", *lines])
    run = indexes_of(feeds, CREDENTIAL).run(Run())
    return resolve(LockRequest(others, server), Path("requirements.txt"), run, previous)


def test_a_lock_has_versions_hashes_and_who_asked_for_what(index: PackageIndex) -> None:
    text = lock(index, "shelf", server=("server==3.0",))
    found = read_lock(text)
    assert found.versions == {"books": "1.1", "dust": "0.1", "server": "3.0", "shelf": "2.0"}
    assert "dust==0.1 ; sys_platform == 'win32'" in text
    assert text.count("--hash=sha256:") == 4
    assert [package.name for package in asked_for(found)] == ["books", "dust", "shelf"]


def test_a_lock_is_the_same_every_time(index: PackageIndex) -> None:
    assert lock(index, "shelf") == lock(index, "shelf")


def test_no_address_and_no_credential_get_into_a_lock(index: PackageIndex) -> None:
    text = lock(index, "shelf")
    for secret in (PASSWORD, USER, "127.0.0.1", "http", str(Path.cwd())):
        assert secret not in text


def test_what_was_locked_stays_until_it_is_upgraded(index: PackageIndex) -> None:
    old = lock(index, "shelf", "books<1.1")
    assert read_lock(old).versions["books"] == "1.0"
    assert read_lock(lock(index, "shelf", "books", previous=old)).versions["books"] == "1.0"
    assert read_lock(lock(index, "shelf", "books")).versions["books"] == "1.1"


def test_requirements_that_do_not_resolve_say_why_and_no_secret(index: PackageIndex) -> None:
    with pytest.raises(EnvironmentFailed, match=r"requirements\.txt do not resolve") as caught:
        lock(index, "shelf", "books>5")
    assert "books" in caught.value.details
    assert PASSWORD not in str(caught.value)


def test_a_wrong_credential_is_named_but_not_shown(index: PackageIndex) -> None:
    feeds, _ = split_feeds([f"-i {index.placeholder}"])
    run = indexes_of(feeds, {"SLUICE_FEED_127_0_0_1": "someone:not-the-word"}).run(Run())
    with pytest.raises(EnvironmentFailed) as caught:
        resolve(LockRequest(("shelf",)), Path("requirements.txt"), run)
    assert "not-the-word" not in str(caught.value)
    assert "401" in caught.value.details or "nauthorized" in caught.value.details


def test_constraints_count_and_leave_no_path(index: PackageIndex, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("books<1.1\n")
    feeds, others = split_feeds([f"-i {index.placeholder}", "shelf", "-c limits.txt"])
    run = indexes_of(feeds, CREDENTIAL).run(Run())
    text = resolve(LockRequest(others), tmp_path / "requirements.txt", run)
    assert read_lock(text).versions["books"] == "1.0"
    assert str(tmp_path) not in text


@pytest.mark.parametrize("line", ["./a.whl", "-e .", "a @ file:///x/a.whl", "dist/a-1.0-py3-none-any.whl", "../a"])
def test_what_lies_on_this_machine_is_refused(line: str) -> None:
    with pytest.raises(SpecError, match="lies on this machine only"):
        resolve(LockRequest((line,)), Path("requirements.txt"), Run())


def test_the_user_can_stop_it(index: PackageIndex) -> None:
    feeds, _ = split_feeds([f"-i {index.placeholder}"])
    run = replace(indexes_of(feeds, CREDENTIAL).run(Run()), cancelled=lambda: True)
    index.silent = True
    with pytest.raises(Interrupted):
        resolve(LockRequest(("shelf",)), Path("requirements.txt"), run)


def test_the_verbs(index: PackageIndex, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {**CREDENTIAL, "UV_CACHE_DIR": str(tmp_path / "uv-cache")})
    project.write("requirements.txt", f"-i {index.placeholder}\nshelf\nbooks==1.0\n")
    assert "3 packages locked" in project.must("environment", "lock", "requirements.txt")
    assert "3 packages, no change" in project.must("environment", "lock", "requirements.txt")
    shown = json.loads(project.must("environment", "show", "requirements.txt", "--json"))
    packages = shown["locks"]["requirements.lock.txt"]["packages"]
    assert {one["name"]: one["version"] for one in packages} == {"books": "1.0", "dust": "0.1", "shelf": "2.0"}
    _commit(project.root)
    project.edit("requirements.txt", "books==1.0", "books")
    assert "no change" in project.must("environment", "diff", "requirements.txt")
    assert "books 1.0 -> 1.1" in project.must("environment", "diff", "requirements.txt", "--upgrade")
    project.must("environment", "lock", "requirements.txt", "--upgrade")
    assert "books 1.0 -> 1.1" in project.must("environment", "diff", "requirements.txt")


def test_the_verbs_without_a_lock_and_without_a_credential(index: PackageIndex, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write("requirements.txt", f"-i {index.placeholder}\nshelf\n")
    done = project.call("environment", "show", "requirements.txt")
    assert (done.returncode, "has no lock" in done.stderr) == (1, True)
    assert "sluice environment lock requirements.txt" in done.stderr
    done = project.call("environment", "lock", "requirements.txt")
    assert (done.returncode, "SLUICE_FEED_127_0_0_1" in done.stderr) == (1, True)
    assert index.asked == []


def _commit(root: Path) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"]):
        subprocess.run(["git", *command], cwd=root, check=True)

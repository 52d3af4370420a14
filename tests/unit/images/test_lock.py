"""Locks as text: what they say, what has drifted, and how they fall into shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark, SpecError
from sluice.images.lock import (
    OWN,
    SERVER,
    SHARES,
    LockedPackage,
    asked_for,
    changes,
    lock_findings,
    lock_path,
    read_lock,
    requirements_digest,
    shares,
)

LockOf = Callable[..., str]
AT = Mark("blue.yaml", 4, 2)
OWN_LINES = ("httpx", "numpy")
SERVER_LINES = ("promptflow==1.18.5",)
_LINE = st.sampled_from(["a", "b==1", "c>=2", "-i https://{private}@feed/simple", "--extra-index-url https://x/y"])


@pytest.mark.parametrize(("source", "lock"), [("requirements.txt", "requirements.lock.txt"), ("c.yaml", "c.lock.txt")])
def test_a_lock_lies_beside_its_file(source: str, lock: str) -> None:
    assert lock_path(Path("flows") / source) == Path("flows") / lock


def test_a_lock_reads_back(lock_of: LockOf) -> None:
    text = lock_of()
    found = read_lock(text)
    assert found.server == SERVER_LINES
    assert found.python_version == "3.11"
    assert found.digest == requirements_digest(OWN_LINES)
    assert found.versions["numpy"] == "2.4.6, 2.5.5"
    by_name = {package.name: package for package in found.packages}
    assert by_name["httpx"].via == (OWN, "openai")
    assert by_name["promptflow"].via == (SERVER,)
    assert by_name["openai"].text == "openai==3.54.0 \\\n    --hash=sha256:cc \\\n    --hash=sha256:dd\n"
    assert "requirements.in" not in text
    assert "# via requirements.txt, openai" in text


def test_what_only_the_server_leads_to_is_left_out_on_its_image(lock_of: LockOf) -> None:
    assert [package.name for package in asked_for(read_lock(lock_of()))] == ["httpx", "idna", "numpy", "numpy"]


@pytest.mark.parametrize("text", ["", "a==1\n", "# from: x\n# input: sha256:0\n# python: 3\n# server: none\n"])
def test_a_file_of_someone_else_is_no_lock(text: str) -> None:
    with pytest.raises(SpecError, match="is no lock that Sluice wrote"):
        read_lock(text)
    assert [one.code for one in lock_findings(AT, OWN_LINES, (), text, "x.lock.txt")] == ["lock"]


def test_no_lock_is_no_fault() -> None:
    assert lock_findings(AT, OWN_LINES, SERVER_LINES, None, "x.lock.txt") == ()


def test_a_lock_that_fits(lock_of: LockOf) -> None:
    assert lock_findings(AT, ("numpy", "httpx", "numpy"), SERVER_LINES, lock_of(), "x.lock.txt") == ()


def test_drift_is_an_error_that_names_what_is_missing_and_the_way_out(lock_of: LockOf) -> None:
    (finding,) = lock_findings(AT, (*OWN_LINES, "rank_bm25==0.2.2"), SERVER_LINES, lock_of(), "qa/x.lock.txt")
    assert (finding.severity, finding.code, finding.at) == ("error", "lock-drift", AT)
    assert finding.message == "`qa/x.lock.txt` was locked from other requirements: it lacks rank-bm25"
    assert finding.remedy == "Lock them again: sluice environment lock"


def test_another_server_is_a_warning(lock_of: LockOf) -> None:
    (finding,) = lock_findings(AT, OWN_LINES, ("promptflow==2",), lock_of(), "x.lock.txt")
    assert (finding.severity, finding.code) == ("warning", "lock-server")


@given(st.lists(_LINE), st.randoms())
def test_order_repetition_and_indexes_are_no_drift(lines: list[str], random: object) -> None:
    shuffled = sorted(lines * 2, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert requirements_digest(shuffled) == requirements_digest(line for line in lines if not line.startswith("-"))


_PACKAGES = st.dictionaries(st.text("abcdef", min_size=1), st.sampled_from(["1", "2"]), max_size=30)


def packages_of(versions: dict[str, str]) -> list[LockedPackage]:
    return [LockedPackage(name, version, f"{name}=={version}\n") for name, version in versions.items()]


@given(_PACKAGES, st.text("abcdef", min_size=1))
def test_one_package_more_changes_one_share(versions: dict[str, str], name: str) -> None:
    before, after = shares(packages_of(versions)), shares(packages_of({**versions, name: "3"}))
    differing = [share for share in {*before, *after} if before.get(share) != after.get(share)]
    assert len(differing) == 1


@given(_PACKAGES)
def test_shares_hold_every_package_once(versions: dict[str, str]) -> None:
    found = shares(packages_of(versions))
    assert len(found) <= SHARES
    assert sorted("".join(found.values()).splitlines()) == sorted(f"{n}=={v}" for n, v in versions.items())


@given(_PACKAGES, _PACKAGES)
def test_changes_lead_from_the_old_to_the_new(old: dict[str, str], new: dict[str, str]) -> None:
    found = changes(old, new)
    applied = {name: version for name, version in old.items() if name not in found.removed}
    assert {**applied, **found.added, **{n: to for n, (_, to) in found.changed.items()}} == new
    assert bool(found) == (old != new)


def test_changes_in_words() -> None:
    assert changes({"a": "1", "b": "1"}, {"b": "2", "c": "1"}).words() == ("+c==1", "-a==1", "b 1 -> 2")

"""Private feeds where no Docker is needed: the install step itself, and processes' environments."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from package_index import PASSWORD, USER, PackageIndex, private_index

from sluice.errors import EnvironmentFailed, Mark, SecretMissing
from sluice.images.feeds import split_feeds
from sluice.images.lock import LockRequest, read_lock
from sluice.images.locking import resolve
from sluice.images.models import ImagePlan
from sluice.images.plan import Details
from sluice.images.prepare import Indexes, Subject, indexes_of, prepare
from sluice.images.uv import Run
from sluice.spec.models import Environment
from sluice.targets.local.environments import Talk, ensure_environment

pytestmark = pytest.mark.process

VARIABLE = "SLUICE_FEED_127_0_0_1"
TALK = Talk(lambda _: None, lambda: False)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("SLUICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, f"{USER}:{PASSWORD}")
    with private_index() as one:
        one.add("books", "1.0")
        one.add("shelf", "2.0", ("books",))
        yield one


def told(index: PackageIndex) -> Indexes:
    return indexes_of(split_feeds([f"-i {index.placeholder}"])[0])


def holds(folder: Path, secret: str) -> list[Path]:
    """Return the files below a folder that hold a secret, in their content or their name."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in found if secret.encode() in path.read_bytes() or secret in str(path)]


def plan_of(index: PackageIndex) -> ImagePlan:
    environment = Environment(
        at=Mark("e.yaml"), image="base:1", requirements=(f"-i {index.placeholder}", "shelf"), pip_source=None
    )
    prepared = prepare(Subject(environment, None), Details("qa/blue", platforms=("linux/amd64",)), Run())
    assert prepared is not None
    return prepared.plan


@pytest.mark.skipif(sys.platform != "linux", reason="the binary of uv is Linux'")
def test_a_plan_holds_the_credential_in_its_secret_only(index: PackageIndex, tmp_path: Path) -> None:
    plan = plan_of(index)
    (secret,) = plan.secrets
    assert secret.id == "uv.toml"
    assert "p%40ss" in secret.value.name
    texts = [plan.dockerfile.encode(), *(one for one in plan.files.values() if isinstance(one, bytes))]
    for hidden in (PASSWORD, "p%40ss", USER, str(index.port)):
        assert not any(hidden.encode() in text for text in texts), hidden
        assert hidden not in repr(plan).replace(plan.context_hash, "")
    assert holds(tmp_path / "cache", PASSWORD) == []
    assert holds(tmp_path / "cache", "p%40ss") == []


def test_a_new_credential_is_no_new_image(index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan_of(index).context_hash
    monkeypatch.setenv(VARIABLE, f"other:{PASSWORD}")
    assert plan_of(index).context_hash == before


def test_without_a_credential_nothing_is_asked(index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SecretMissing, match=VARIABLE):
        plan_of(index)
    assert index.asked == []


def test_the_install_step_of_an_image(index: PackageIndex, tmp_path: Path) -> None:
    """The script that builds run, with the paths of a build moved into a folder."""
    indexes = told(index)
    lock = read_lock(resolve(LockRequest(("shelf",)), Path("requirements.txt"), indexes.run(Run())))
    place = _place(tmp_path, "".join(package.text for package in lock.packages))
    (place / "secrets" / "uv.toml").write_text(_config(indexes))
    done = _install(place)
    assert done.returncode == 0, done.stderr
    assert (place / "packages" / "shelf.py").read_text() == "VERSION = '2.0'\n"
    assert list((place / "packages" / "__pycache__").glob("shelf.*.pyc"))
    for secret in (PASSWORD, "p%40ss"):
        assert holds(place / "packages", secret) == []
        assert secret not in done.stdout + done.stderr


def test_a_package_that_was_tampered_with_is_refused(index: PackageIndex, tmp_path: Path) -> None:
    indexes = told(index)
    lock = read_lock(resolve(LockRequest(("books",)), Path("requirements.txt"), indexes.run(Run())))
    place = _place(tmp_path, lock.packages[0].text.replace("--hash=sha256:", "--hash=sha256:0000", 1)[:-5] + "\n")
    (place / "secrets" / "uv.toml").write_text(_config(indexes))
    done = _install(place)
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


def _config(indexes: Indexes) -> str:
    return indexes.run(Run()).config


def _place(folder: Path, lock: str) -> Path:
    from uv import find_uv_bin

    place = folder / "build"
    for name in ("sluice/tools", "secrets", "bin"):
        (place / name).mkdir(parents=True)
    (place / "sluice" / "tools" / f"uv-{os.uname().machine}").symlink_to(find_uv_bin())
    (place / "bin" / "python").symlink_to(sys.executable)
    (place / "sluice" / "lock.txt").write_text(lock)
    text = (files("sluice.images") / "scripts" / "install.sh").read_text()
    for real, moved in (("/run/", f"{place}/"), ("/opt/packages", f"{place}/packages"), ("/var/cache", f"{place}/c")):
        text = text.replace(real, moved)
    (place / "install.sh").write_text(text)
    return place


def _install(place: Path) -> subprocess.CompletedProcess[str]:
    path = f"{place}/bin:{os.environ['PATH']}"
    environ = {"PATH": path, "UV_COMPILE_BYTECODE": "1", "HOME": str(place)}
    return subprocess.run(["sh", str(place / "install.sh")], env=environ, capture_output=True, text=True, check=False)


def test_a_process_environment_takes_a_lock_as_it_is(index: PackageIndex, tmp_path: Path) -> None:
    indexes = told(index)
    lock = read_lock(resolve(LockRequest(("shelf",)), Path("requirements.txt"), indexes.run(Run())))
    index.add("books", "9.0")  # newer than what is locked
    text = "".join(package.text for package in lock.packages)
    built, packages = ensure_environment(["shelf"], None, TALK, lock=text, config=indexes.run(Run()).config)
    assert packages == 2
    assert subprocess.check_output([str(built.python), "-c", "import books; print(books.VERSION)"]) == b"1.0\n"
    assert holds(tmp_path / "cache", PASSWORD) == []
    assert holds(tmp_path / "cache", "p%40ss") == []


def test_a_process_environment_resolves_from_a_private_feed(index: PackageIndex) -> None:
    _, packages = ensure_environment(["shelf"], None, TALK, config=told(index).run(Run()).config)
    assert packages == 2


def test_a_refused_credential_is_in_no_message(index: PackageIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "someone:not-the-word")
    with pytest.raises(EnvironmentFailed) as caught:
        ensure_environment(["shelf"], None, TALK, config=told(index).run(Run()).config)
    assert "not-the-word" not in str(caught.value)

"""`make setup`: .venv with everything, pinned by hash, and the Pulumi engine. Standard library only.

Safe to interrupt and to run again: a stamp is written last, and while it still fits there is nothing to do.
An environment whose set-up was interrupted is made anew; what was downloaded is not downloaded again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / ".sluice-setup"
UNDER_WAY = "under way"


class Refused(Exception):
    """A step that can't be done; the message says what to do."""


def main() -> int:
    """Set up what is missing; the exit status."""
    try:
        with Path(__file__).open(encoding="utf-8") as held:
            wait_for_turn(held.fileno())
            if not up_to_date():
                set_up_python()
            install_engine()
    except Refused as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nsetup: stopped. Run it again: it goes on with what is missing.\n")
        return 130
    return 0


def wait_for_turn(held: int) -> None:
    """Two set-ups of one tree come one after the other; the lock ends with this process."""
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another set-up of this folder")
        fcntl.flock(held, fcntl.LOCK_EX)


def up_to_date() -> bool:
    """Whether the last set-up that ended well was of this very tree, lock and Python."""
    try:
        return STAMP.read_text(encoding="utf-8") == fingerprint() and (VENV / "bin" / "sluice").exists()
    except OSError:
        return False


def fingerprint() -> str:
    """What the environment depends on, as one hash; raises OSError where there is no environment."""
    parts = [str(ROOT).encode(), (VENV / "pyvenv.cfg").read_bytes()]
    parts += [path.read_bytes() for path in (LOCK, ROOT / "pyproject.toml", Path(__file__))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def set_up_python() -> None:
    """Steps 1 to 4: the environment, uv, the packages, and Sluice itself."""
    if works():
        say(f"[1/5] .venv is there, with Python {version()}")
        STAMP.write_text(UNDER_WAY, encoding="utf-8")
    else:
        say(f"[1/5] .venv with Python {platform.python_version()} ({sys.executable})")
        create_environment()
    say("[2/5] uv, which installs the rest")
    install_uv()
    say("[3/5] packages of requirements/dev.txt, each checked against its hash")
    uv("sync", "--require-hashes", "--compile-bytecode", str(LOCK))
    say("[4/5] sluice itself, from this folder")
    uv("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    compile_sources()
    STAMP.write_text(fingerprint(), encoding="utf-8")


def works() -> bool:
    """Whether there is an environment that may be brought up to date: whole, and its Python new enough."""
    try:
        interrupted = STAMP.exists() and STAMP.read_text(encoding="utf-8") == UNDER_WAY
        asked = [str(PYTHON), "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"]
        return not interrupted and subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def version() -> str:
    """The version of .venv's Python, as its own notes have it."""
    found = re.search(r"^version(?:_info)? *= *(\S+)", (VENV / "pyvenv.cfg").read_text(), re.MULTILINE)
    return found[1] if found else "?"


def create_environment() -> None:
    """An empty environment of this Python; what stood there goes, its programs first, so it can't seem whole."""
    for old in (VENV / "bin", VENV):
        if old.exists():
            shutil.rmtree(old)
    VENV.mkdir()
    STAMP.write_text(UNDER_WAY, encoding="utf-8")
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode != 0:
        raise Refused("no environment could be made. On Debian and Ubuntu that is a package: python3-venv.")


def install_uv() -> None:
    """The uv of the lock, by its hash, with pip."""
    block = re.search(r"^uv==.*?(?=^\S|\Z)", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if block is None:
        raise Refused(f"{LOCK} names no uv: `make lock` writes it")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(block[0])
        wanted.flush()
        run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", wanted.name])


def compile_sources() -> None:
    """Bytecode of our own sources, for a quick start; one that does not compile is the gate's business."""
    command = [str(PYTHON), "-m", "compileall", "-qq", str(ROOT / "src"), str(ROOT / "infra")]
    subprocess.run(command, env=environment(), check=False)


def install_engine() -> None:
    """Step 5: quick when an engine is there, which is looked at each time."""
    say("[5/5] Pulumi engine")
    run([PYTHON, "-m", "sluice.engine"], told=True)


def uv(verb: str, *arguments: str) -> None:
    """Run `uv pip <verb>` on .venv, with the package index pip is set to use."""
    run([VENV / "bin" / "uv", "pip", verb, "--python", str(PYTHON), *arguments], extra=index_of_pip())


def index_of_pip() -> dict[str, str]:
    """Pip's index and certificates in uv's words, where uv itself has none."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE))
    words = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    return {ours: settings[theirs] for theirs, ours in words.items() if theirs in settings and ours not in os.environ}


def run(command: list[str | Path], *, extra: dict[str, str] | None = None, told: bool = False) -> None:
    """Run one command of a step.

    Raises:
        Refused: It failed. With `told`, it has said why itself.
    """
    status = subprocess.run(command, cwd=ROOT, env={**environment(), **(extra or {})}, check=False).returncode
    if status in (130, -2):
        raise KeyboardInterrupt
    if status != 0:
        what = "the step above failed" if told else f"`{' '.join(map(str, command))}` failed ({status})"
        raise Refused(f"{what}. Mend what it says, then run `make setup` again.")


def environment() -> dict[str, str]:
    """The caller's, but bytecode is written whatever it says: the command's start-up time needs it."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def say(line: str) -> None:
    """One line to the user, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

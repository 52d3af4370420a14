"""Build the wheel, install it alone into a fresh environment, and see that it is whole and starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"src/sluice": "sluice", "infra/sluice_infra": "sluice_infra", "schemas": "sluice/schemas"}


def main() -> int:
    """The exit status: 0 when the wheel holds every file of the packages and its command deploys the example."""
    with tempfile.TemporaryDirectory(prefix="sluice-wheel-") as folder:
        wheel = build(Path(folder))
        missing = expected() - set(zipfile.ZipFile(wheel).namelist())
        if missing:
            sys.stderr.write(f"the wheel lacks: {', '.join(sorted(missing))}\n")
            return 1
        validate(wheel, Path(folder) / "core")
        start(wheel, Path(folder) / "venv")
    sys.stdout.write("the wheel is whole and deploys the example outside the tree\n")
    return 0


def build(folder: Path) -> Path:
    """The wheel of this tree."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    return next(folder.glob("*.whl"))


def expected() -> set[str]:
    """Every file of the packages, data included, by its name in the wheel."""
    return {
        f"{inside}/{file.relative_to(ROOT / room).as_posix()}"
        for room, inside in ROOMS.items()
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def validate(wheel: Path, venv: Path) -> None:
    """Install the wheel alone, with its core dependencies only: that is enough to validate."""
    uv = str(Path(sys.executable).with_name("uv"))
    run(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
    pins = str(ROOT / "requirements" / "runtime.txt")
    run(uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), "--constraint", pins, str(wheel))
    blue = ROOT / "examples" / "question-answering" / "endpoints" / "qa" / "blue.yaml"
    run(str(venv / "bin" / "sluice"), "validate", str(blue), folder=venv)


def start(wheel: Path, venv: Path) -> None:
    """Install the wheel with its locked requirements and start its command there."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(venv / "bin" / "python")
    run(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
    lock = str(ROOT / "requirements" / "runtime.txt")
    run(uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock)
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", str(wheel))
    deploy(str(venv / "bin" / "sluice"), venv.parent / "project")


def deploy(sluice: str, project: Path) -> None:
    """Deploy the example with the installed command in a folder outside the tree, ask it, take it down."""
    shutil.copytree(ROOT / "examples" / "question-answering", project)
    run(sluice, "init", "--name", "outside", folder=project)
    try:
        run(sluice, "up", "--yes", folder=project)
        run(sluice, "invoke", "--request-file", "sample-request.json", folder=project)
        run(sluice, "preview", "--expect-no-changes", folder=project)
    finally:
        run(sluice, "down", "--yes", folder=project)


def run(*command: str, folder: Path = ROOT) -> None:
    """Run one command, showing what it says on stderr; its failure ends the check."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

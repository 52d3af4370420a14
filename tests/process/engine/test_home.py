"""`.sluice/` of a project, prepared by several at a time; and a shell that uses what it tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import SLUICE

pytestmark = pytest.mark.process

# Prepares the home as soon as its stdin ends, and tells the passphrase it found.
PREPARE = """
import sys
from pathlib import Path
from sluice.engine.home import ProjectHome
home = ProjectHome(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
home.prepare()
print(home.passphrase.read_text(), end="")
"""
PULUMI = "#!/bin/sh\necho v3.259.0\n"


def test_all_that_prepare_at_a_time_agree_on_one_passphrase(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PREPARE, str(tmp_path)]
    started = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None  # or communicate would flush it
        told = {process.communicate(timeout=30)[0] for process in started}
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert told == {(tmp_path / ".sluice" / "passphrase").read_text()}
    assert {path.name for path in (tmp_path / ".sluice").iterdir()} == {".gitignore", "bin", "passphrase", "state"}


@pytest.mark.parametrize("name", ["project", "a project's $HOME; `echo`"])
def test_a_shell_takes_the_exports_whatever_the_folders_are_called(tmp_path: Path, name: str) -> None:
    project, engine = tmp_path / name, tmp_path / f"{name} engine"
    project.mkdir()
    engine.mkdir()
    (project / "Pulumi.yaml").write_text("name: library\nruntime: python\n")
    (engine / "pulumi").write_text(PULUMI)
    (engine / "pulumi").chmod(0o755)
    environ = {
        "PATH": f"{engine}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SLUICE_CACHE": str(tmp_path / "cache"),
        "PULUMI_PARALLEL": "3",
    }
    script = f'eval "$({SLUICE} shell-env)" && env -0'
    done = subprocess.run(["/bin/sh", "-c", script], cwd=project, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in done.stdout.decode().rstrip("\0").split("\0"))
    assert told["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(project.resolve() / ".sluice" / "passphrase")
    assert told["PATH"].split(os.pathsep) == [str(SLUICE.parent), str(engine), str(engine), "/usr/bin", "/bin"]
    assert told["PULUMI_PARALLEL"] == "3"
    assert told["PULUMI_CONTINUE_ON_ERROR"] == "true"

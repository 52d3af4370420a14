"""Building with the real Go: a module of one small command that needs no other module."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sluice.engine.go_build import GoBuild, GoTool
from sluice.errors import EngineMissing, StorageFailed

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("go") is None, reason="Go builds the engine only where there is one"),
]

MODULE = "sluice.invalid/small"
MAIN = 'package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n'


@pytest.fixture
def tool(tmp_path: Path) -> GoTool:
    """A module whose `pulumi` prints the version that the linker gave it."""
    module = tmp_path / "module"
    command = module / "cmd" / "pulumi"
    command.mkdir(parents=True)
    (module / "go.mod").write_text(f"module {MODULE}\n\ngo 1.24\n\ntool {MODULE}/cmd/pulumi\n")
    (module / "script").write_text("#!/bin/sh\necho script\n")
    (command / "main.go").write_text(MAIN)
    return GoTool("engine", module, "-X main.version=v3.259.0", scripts=((MODULE, "script"),))


def staged(tmp_path: Path) -> Path:
    folder = tmp_path / "staged"
    folder.mkdir()
    return folder


def quiet(_line: str) -> None:
    pass


def test_a_tool_is_built_with_its_flags_and_scripts(tmp_path: Path, tool: GoTool) -> None:
    folder, said = staged(tmp_path), list[str]()
    # What a user may have set for his own work must not change what is built.
    environ = {**os.environ, "GOFLAGS": "-mod=vendor", "GOOS": "plan9", "GOWORK": "/nowhere/go.work"}
    GoBuild((tool,), environ).install(folder, said.append)
    ran = subprocess.run([folder / "bin" / "pulumi"], capture_output=True, check=True)
    assert ran.stderr == b"v3.259.0\n"
    assert subprocess.run([folder / "bin" / "script"], capture_output=True, check=True).stdout == b"script\n"
    assert [entry.name for entry in folder.iterdir()] == ["bin"]
    assert any("100 %" in line for line in said)


def test_what_does_not_compile_is_told_with_gos_words(tmp_path: Path, tool: GoTool) -> None:
    (tool.module / "cmd" / "pulumi" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(EngineMissing, match="`go install` failed for the engine") as caught:
        GoBuild((tool,), os.environ).install(staged(tmp_path), quiet)
    assert "undefined: nonsense" in caught.value.details


def test_a_go_that_is_too_old_is_told_so(tmp_path: Path, tool: GoTool) -> None:
    go_mod = tool.module / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("go 1.24", "go 1.999"))
    with pytest.raises(EngineMissing) as caught:
        GoBuild((tool,), {**os.environ, "GOTOOLCHAIN": "local"}).install(staged(tmp_path), quiet)
    assert "requires go >= 1.999" in caught.value.details


def test_a_module_without_its_sum_is_refused(tmp_path: Path, tool: GoTool) -> None:
    go_mod = tool.module / "go.mod"
    go_mod.write_text(f"{go_mod.read_text()}\nrequire sluice.invalid/other v1.0.0\n")
    main = tool.module / "cmd" / "pulumi" / "main.go"
    main.write_text(MAIN.replace("package main\n", 'package main\n\nimport _ "sluice.invalid/other"\n'))
    with pytest.raises(EngineMissing):
        GoBuild((tool,), {**os.environ, "GOPROXY": "off"}).install(staged(tmp_path), quiet)


def test_without_go_that_way_is_closed(tmp_path: Path, tool: GoTool) -> None:
    with pytest.raises(EngineMissing, match="no Go on PATH"):
        GoBuild((tool,), {"PATH": str(tmp_path)}).install(staged(tmp_path), quiet)


def test_a_full_disk_is_told_as_such(tmp_path: Path, tool: GoTool) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho 'write /x: no space left on device' >&2\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(StorageFailed, match="disk filled up"):
        GoBuild((tool,), {"PATH": str(go.parent)}).install(staged(tmp_path), quiet)

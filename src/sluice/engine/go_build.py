"""Building the engine and tools from Go modules, where only a module proxy can be reached.

Every module is pinned by a go.mod of ours and checked against the sums of its go.sum.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.parts import EngineSource, Progress, Versions
from sluice.engine.processes import follow
from sluice.errors import EngineMissing, SluiceError, StorageFailed

MODULES = Path(__file__).parent / "go"
_SDK = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True)
class GoTool:
    """Commands to build: the tools of a Go module of ours.

    Attributes:
        name: What progress lines call it.
        module: The folder of its go.mod and go.sum.
        ldflags: Flags of the linker.
        tags: Build tags, comma separated.
        scripts: Files of a module that belong beside the command: (module, path inside it).
    """

    name: str
    module: Path
    ldflags: str = "-s -w"
    tags: str = ""
    scripts: tuple[tuple[str, str], ...] = ()


def pulumi_tools(versions: Versions) -> tuple[GoTool, ...]:
    """The engine, and the language host with the two scripts it starts."""
    stamp = f"-s -w -X {_SDK}/go/common/version.Version=v"
    return (
        GoTool("engine", MODULES / "engine", stamp + versions.engine, tags="osusergo,grpcnotrace"),
        GoTool(
            "language host",
            MODULES / "language-host",
            stamp + versions.language_host,
            scripts=(
                (_SDK, "python/cmd/pulumi-language-python-exec"),
                (_SDK, "python/dist/pulumi-resource-pulumi-python"),
            ),
        ),
    )


def docker_build_tool(versions: Versions) -> GoTool:
    """Pulumi's provider of images."""
    stamp = f"-s -w -X github.com/pulumi/pulumi-docker-build/provider.Version={versions.docker_build}"
    return GoTool("provider docker-build", MODULES / "docker-build", stamp)


def buildkit_tool(versions: Versions) -> GoTool:
    """`buildkitd` and `buildctl`."""
    stamp = f"-s -w -X github.com/moby/buildkit/version.Version=v{versions.buildkit}"
    return GoTool("BuildKit", MODULES / "buildkit", stamp)


def registry_tool(versions: Versions) -> GoTool:
    """`registry`, the reference registry of images."""
    stamp = f"-s -w -X github.com/distribution/distribution/v3/version.version=v{versions.registry}"
    return GoTool("registry", MODULES / "registry", stamp)


@dataclass
class Countdown:
    """Turns events into few lines: one each time another twentieth of the total is done."""

    text: str
    total: int
    done: int = 0
    told: int = 0

    def one_more(self) -> str | None:
        """Count one event; the line to show, if it is time for one."""
        self.done = min(self.done + 1, self.total)
        twentieth = math.floor(20 * self.done / self.total)
        if twentieth == self.told:
            return None
        self.told = twentieth
        linking = ", linking" if self.done == self.total else ""
        return f"{self.text}: {self.done} of {self.total} ({5 * twentieth} %){linking}"


@dataclass(frozen=True)
class GoBuild:
    """Builds tools with the Go of PATH.

    Attributes:
        tools: What to build, in order.
        environ: The environment; its proxies, module proxy and Go caches are honoured.
        cost: What it takes, for whoever waits for it.
    """

    tools: tuple[GoTool, ...]
    environ: Mapping[str, str]
    cost: str = "4 to 8 minutes the first time, 5 GB of Go's caches"

    @property
    def source(self) -> EngineSource:
        """What a built engine's `source` says."""
        return "built from Go modules"

    def install(self, staged: Path, progress: Progress) -> None:
        """Build every tool into `staged/bin`; says how far it is.

        Raises:
            EngineMissing: No Go, one too old, or the modules can't be had or built.
            StorageFailed: Go ran out of disk.
            OSError: `staged` can't be written.
        """
        go = shutil.which("go", path=self.environ.get("PATH", ""))
        if go is None:
            raise EngineMissing("there is no Go on PATH to build it with")
        progress(f"building from Go modules: {self.cost}")
        for tool in self.tools:
            work = staged / "module"
            shutil.copytree(tool.module, work)
            _Build(tool, Path(go), work, staged / "bin", self.environ).run(progress)
            shutil.rmtree(work)


@dataclass(frozen=True)
class _Build:
    """One tool's way from modules to an executable."""

    tool: GoTool
    go: Path
    work: Path
    bin: Path
    base: Mapping[str, str]

    def run(self, progress: Progress) -> None:
        self._check_go()
        packages = self._packages_to_build(progress)
        self._compile(packages, progress)
        self._copy_scripts()

    def _check_go(self) -> None:
        """Go itself compares its version with go.mod's, and fetches a newer one where it is allowed to."""
        self._go(["env", "GOVERSION"], _ignore)

    def _packages_to_build(self, progress: Progress) -> int:
        """Download what is missing, and count the packages that are not in Go's build cache."""
        fetched = _Counter(f"{self.tool.name}: modules downloaded", progress, step=25)
        stale = "{{if .Stale}}{{.ImportPath}}{{end}}"
        listed = self._go(
            ["list", "-deps", "-tags", self.tool.tags, "-f", stale, "tool"], fetched.when("go: downloading")
        )
        return max(1, len(listed.split()))

    def _compile(self, packages: int, progress: Progress) -> None:
        count = Countdown(f"{self.tool.name}: packages compiled", packages)

        def on_line(line: str) -> None:
            told = count.one_more() if line and not line.startswith("go: ") else None
            if told:
                progress(told)

        self._go(["install", "-v", "-tags", self.tool.tags, "-ldflags", self.tool.ldflags, "tool"], on_line)

    def _copy_scripts(self) -> None:
        for module, path in self.tool.scripts:
            folder = Path(self._go(["list", "-m", "-f", "{{.Dir}}", module], _ignore))
            target = self.bin / Path(path).name
            shutil.copyfile(folder / path, target)
            target.chmod(0o755)

    def _go(self, arguments: list[str], on_line: Callable[[str], None]) -> str:
        output = self.work / ".stdout"
        status, said = follow(
            [self.go, *arguments], folder=self.work, environ=self._environ(), on_line=on_line, output=output
        )
        if status != 0:
            raise _build_failed(self.tool.name, arguments[0], said)
        return output.read_text(encoding="utf-8").strip()

    def _environ(self) -> dict[str, str]:
        """The user's environment, without what would change the meaning of our go.mod and go.sum."""
        kept = {key: value for key, value in self.base.items() if key not in {"GOOS", "GOARCH", "GOEXPERIMENT"}}
        ours = {
            "CGO_ENABLED": "0",
            "GO111MODULE": "on",
            "GOBIN": str(self.bin),
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "GOWORK": "off",
        }
        return {**kept, **ours}


@dataclass
class _Counter:
    """Counts lines of one beginning, where no total is known."""

    text: str
    progress: Progress
    step: int
    done: int = 0

    def when(self, beginning: str) -> Callable[[str], None]:
        def on_line(line: str) -> None:
            if line.startswith(beginning):
                self.done += 1
                if self.done % self.step == 0:
                    self.progress(f"{self.text}: {self.done}")

        return on_line


def _ignore(_line: str) -> None:
    """Lines nobody counts."""


def _build_failed(name: str, verb: str, said: str) -> SluiceError:
    if "no space left on device" in said or "disk quota exceeded" in said:
        return StorageFailed(
            f"the disk filled up while Go was building the {name}",
            remedy="Free 5 GB, or set GOMODCACHE, GOCACHE and SLUICE_CACHE to folders on another disk.",
        )
    return EngineMissing(f"`go {verb}` failed for the {name}", details=said)

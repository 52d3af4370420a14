"""The builder: BuildKit in the machine's Docker, or a `buildkitd` of our own."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.image_programs import ImagePrograms
from sluice.engine.parts import Progress
from sluice.engine.tools import ToolSupply
from sluice.errors import BuilderFailed, EngineMissing, SluiceError
from sluice.images import buildkit
from sluice.images.registry import Registry
from sluice.images.services import BUILDKIT, Facts, ImageFolder, Way, ways
from sluice.targets.local.files import remove_tree, write_private

_PULL_S = 300.0
_ROOTLESS_NEEDS = ("rootlesskit", "newuidmap")


@dataclass(frozen=True)
class BuilderService:
    """The builder of this user. Whoever calls holds the services' lock."""

    programs: ImagePrograms
    supply: ToolSupply

    def ensure(self, registry: Registry, progress: Progress) -> None:
        """Have a builder ready that can push to `registry`; where the best way is closed, the next is tried.

        Raises BuilderFailed, EngineMissing, StorageFailed, SupervisorFailed.
        """
        closed: list[SluiceError] = []
        for way in ways(self._facts()):
            try:
                return self._ensure_way(way, registry, progress)
            except (BuilderFailed, EngineMissing) as error:
                closed.append(error)
                progress(error.message)
        first, *others = closed
        details = "\n".join([first.details, *map(str, others)]).strip()
        raise BuilderFailed(first.message, remedy=first.remedy, details=details)

    def install(self, progress: Progress) -> None:
        """Have BuildKit on the machine, where its Docker will not build. Raises BuilderFailed, EngineMissing."""
        if ways(self._facts())[0] is not Way.DOCKER:
            self.supply.ensure(progress)

    def buildctl(self) -> list[str]:
        """Return the command that asks the builder; empty where there is none to ask."""
        container = self._container()
        if container:
            return ["docker", "exec", container, "buildctl"]
        command = self.supply.find() if self._folder.instance.exists() else None
        return self._ask(command) if command else []

    def stop(self) -> None:
        """Remove a container of ours, and forget the builder; Docker keeps its cache as a volume."""
        if self._container() == buildkit.CONTAINER:
            self._docker("rm", "--force", buildkit.CONTAINER, seconds=60)
        self._folder.instance.unlink(missing_ok=True)

    def tidied(self) -> None:
        """Remove what a BuildKit of our own, which must not run, has left of temporary files.

        One that was killed may leave mounts; what lies behind them is its cache, and is not touched.
        """
        folder, mounts = self._folder.buildkit_temporary, Path("/proc/self/mountinfo")
        if folder.exists() and not buildkit.holds_mount(folder, mounts.read_text() if mounts.exists() else ""):
            remove_tree(folder)

    def emptied(self) -> None:
        """Remove BuildKit's cache; it must not run."""
        remove_tree(self._folder.buildkit_state)
        self._docker("volume", "rm", "--force", f"{buildkit.CONTAINER}_state", seconds=60)

    @property
    def _folder(self) -> ImageFolder:
        return self.programs.folder

    def _container(self) -> str:
        """Return the name of the container that builds; empty where none does."""
        with suppress(OSError, ValueError, KeyError):
            return buildkit.container_of(self._folder.instance.read_text(encoding="utf-8"))
        return ""

    def _facts(self) -> Facts:
        root = os.getuid() == 0
        return Facts(
            system=platform.system(),
            root=root,
            docker=self._docker("version", "--format", "{{.Server.Version}}") is not None,
            runc=self._which("runc") is not None,
            rootless_lacks=tuple(name for name in _ROOTLESS_NEEDS if not root and self._which(name) is None),
            own_runs=BUILDKIT in self.programs.running(),
        )

    def _ensure_way(self, way: Way, registry: Registry, progress: Progress) -> None:
        if way is Way.DOCKER:
            self._ensure_docker(registry)
        else:
            self._ensure_own(registry, progress, rootless=way is Way.ROOTLESS)

    def _ensure_docker(self, registry: Registry) -> None:
        """Have BuildKit in a container: a builder of the user's that will do, else one of ours."""
        borrowed = next(filter(None, map(buildkit.borrowed_instance, self._instances_of_user())), None)
        if borrowed is None and not self._has_container_image():
            raise BuilderFailed(
                f"Docker answers, but can't pull {buildkit.CONTAINER_IMAGE}, which builds images in it",
                remedy="Let Docker reach its hub, or give it that image: docker load, docker tag.",
            )
        if borrowed is None and not self._container_starts():
            raise BuilderFailed(
                "Docker answers, but starts no privileged container, which BuildKit needs",
                remedy="Let it (a rootless or a hardened Docker does not), or name a builder of yours: docker buildx"
                " create --driver docker-container --driver-opt network=host",
            )
        context = self._docker("context", "show") or "default"
        write_private(self._folder.instance, borrowed or buildkit.container_instance(context, registry.address))

    def _has_container_image(self) -> bool:
        there = self._docker("image", "inspect", "--format", "{{.Id}}", buildkit.CONTAINER_IMAGE)
        return bool(there or self._docker("pull", "--quiet", buildkit.CONTAINER_IMAGE, seconds=_PULL_S))

    def _container_starts(self) -> bool:
        """Tell whether Docker starts what buildx will start; where it runs already, it does."""
        state = self._docker("inspect", "--format", "{{.State.Running}}", buildkit.CONTAINER)
        options = ("--rm", "--privileged", "--network", "host", "--entrypoint", "buildctl")
        return state == "true" or bool(self._docker("run", *options, buildkit.CONTAINER_IMAGE, "--version", seconds=60))

    def _instances_of_user(self) -> list[str]:
        """Return the records of builders made with buildx."""
        docker = Path(self.programs.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        with suppress(OSError):
            records = sorted((docker / "buildx" / "instances").iterdir())
            return [record.read_text(encoding="utf-8") for record in records]
        return []

    def _ensure_own(self, registry: Registry, progress: Progress, *, rootless: bool) -> None:
        """Have `buildkitd` run, its socket for this user alone."""
        command = self.supply.ensure(progress)
        socket = self.programs.socket()
        state, runc = self._folder.buildkit_state, str(self._which("runc"))
        config = buildkit.buildkitd_toml(state, socket, runc, registry.address, rootless=rootless)
        write_private(self._folder.buildkit_config, config)
        if BUILDKIT not in self.programs.running():
            self.tidied()
        temporary = self._folder.buildkit_temporary
        temporary.mkdir(mode=0o700, exist_ok=True)
        # Not by the environment: rootlesskit puts sockets there, whose paths have to be short.
        daemon = ["env", f"TMPDIR={temporary}", str(command), "--config", str(self._folder.buildkit_config)]
        around = [str(self._which("rootlesskit")), *buildkit.ROOTLESS_OPTIONS] if rootless else []
        self.programs.start(BUILDKIT, (*around, *daemon), config, lambda: self._lives(command))
        socket.chmod(0o600)
        write_private(self._folder.instance, buildkit.remote_instance(socket))

    def _lives(self, command: Path) -> bool:
        return self.programs.says(*self._ask(command), "debug", "workers", seconds=5) is not None

    def _ask(self, command: Path) -> list[str]:
        """Return `buildctl` of this BuildKit with its address. Distributions may put it elsewhere."""
        beside = command.with_name("buildctl")
        buildctl = str(beside) if beside.exists() else self._which("buildctl") or str(beside)
        return [buildctl, "--addr", f"unix://{self.programs.socket()}"]

    def _docker(self, *arguments: str, seconds: float = 10) -> str | None:
        return self.programs.says("docker", *arguments, seconds=seconds)

    def _which(self, command: str) -> str | None:
        return shutil.which(command, path=self.programs.environ.get("PATH", ""))

"""The machine's BuildKit and registry: started when a stack first has images, stopped with the last one's end.

They serve all projects of a user. Each stack that has images is noted; when the last one is taken down, both are
stopped. What they have built and stored stays: that is a cache.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.cache import cache_folder
from sluice.engine.image_builder import BuilderService
from sluice.engine.image_programs import ImagePrograms
from sluice.engine.image_registry import RegistryService
from sluice.engine.install import ensure_engine
from sluice.engine.parts import Progress
from sluice.engine.plugins import docker_build_supply
from sluice.engine.tools import buildkit_supply, registry_supply
from sluice.images.registry import Registry
from sluice.images.services import BUILDKIT, ImageFolder
from sluice.targets.local.files import locked, remove_tree, storage_errors, write_private

_LAST_LINES = 4
LONGEST_START_S = 1800.0  # a build of BuildKit itself included


@dataclass(frozen=True)
class ImageServices:
    """What builds and keeps images for one user of this machine. Methods block; many processes may call them."""

    programs: ImagePrograms
    builder: BuilderService
    registry: RegistryService

    def local_registry(self) -> Registry:
        """Return the registry on loopback, running or not: its port is chosen once and kept. Raises StorageFailed."""
        with locked(self._folder.lock, timeout_s=LONGEST_START_S):
            return self.registry.known()

    def ensure(self, progress: Progress, stack: Path, *, local: bool) -> Registry:
        """Have a builder ready, and with `local` the registry on loopback; return that registry.

        `stack` is a folder that a stack has in its project: while it exists, the services are in use.

        Raises:
            BuilderFailed: Images can't be built here, or what builds them does not start; with its last lines.
            EngineMissing: A tool is not here and can't be built.
            StorageFailed: The cache can't be written or the disk is full.
        """
        with locked(self._folder.lock, timeout_s=LONGEST_START_S), storage_errors(self._folder.root):
            registry = self.registry.ensure(progress) if local else self.registry.known()
            self.builder.ensure(registry, progress)
            write_private(self._note_of(stack), str(stack.absolute()))
            return registry

    def release(self, stack: Path) -> bool:
        """Forget a stack; stop both when no stack has images any more. Tell whether they were stopped."""
        if not self._folder.users.exists():
            return False
        with locked(self._folder.lock, timeout_s=LONGEST_START_S):
            self._note_of(stack).unlink(missing_ok=True)
            if any(_still_there(note) for note in self._folder.users.iterdir()):
                return False
            self._stop()
            return True

    def stop(self) -> None:
        """Stop both, whoever uses them; the next `up` of a stack with images starts them again."""
        if self._folder.root.exists():
            with locked(self._folder.lock, timeout_s=LONGEST_START_S):
                self._stop()

    def prune(self) -> None:
        """Stop both and remove all that they have built and stored; the port is kept."""
        if not self._folder.root.exists():
            return
        with locked(self._folder.lock, timeout_s=LONGEST_START_S):
            self._stop()
            self.registry.emptied()
            self.builder.emptied()

    def running(self) -> Mapping[str, int]:
        """Return the pids of what runs, by name."""
        return self.programs.running()

    def last_logs(self, image: str) -> tuple[str, ...]:
        """Return where the cause of a failed build may be told: BuildKit's log of the image's last failed build.

        And the end of its own log: with a full disk it has no log of the build.
        """
        ask = self.builder.buildctl()
        said = self.programs.says(*ask, "debug", "histories", "--format", "{{json .}}") if ask else None
        reference = failed_build(said or "", image)
        log = self.programs.says(*ask, "debug", "logs", reference) if reference else None
        return log or "", self._own_words()

    def _own_words(self) -> str:
        """Return the last lines of BuildKit's own log, its quotes as they were."""
        lines = self.programs.supervisor.log_tail(BUILDKIT, _LAST_LINES)
        return "\n".join(lines).replace('\\\\\\"', '\\"').replace('\\"', '"')

    @property
    def _folder(self) -> ImageFolder:
        return self.programs.folder

    def _stop(self) -> None:
        self.builder.stop()
        self.programs.stop()
        self.builder.tidied()
        remove_tree(self._folder.users)

    def _note_of(self, stack: Path) -> Path:
        return self._folder.users / hashlib.sha256(os.fsencode(stack.absolute())).hexdigest()[:16]


def machine_services(environ: Mapping[str, str] | None = None) -> ImageServices:
    """Return the services of this user on this machine."""
    around = dict(os.environ) if environ is None else environ
    programs = ImagePrograms(ImageFolder.of(cache_folder()), around)
    return ImageServices(
        programs,
        BuilderService(programs, buildkit_supply(around)),
        RegistryService(programs, registry_supply(around)),
    )


def install_for_images(progress: Progress, environ: Mapping[str, str] | None = None) -> None:
    """Install what building images here needs and is not there yet: Pulumi's provider, BuildKit, the registry.

    Raises EngineMissing, StorageFailed; BuilderFailed for what a user has to install.
    """
    docker_build_supply(ensure_engine(progress), environ).ensure(progress)
    services = machine_services(environ)
    services.builder.install(progress)
    services.registry.supply.ensure(progress)


def contexts_folder(root: Path, stack: str) -> Path:
    """Return where a stack's build contexts are staged; while it exists, the services are in use."""
    return root / ".sluice" / "contexts" / stack


def manifests_folder(root: Path, stack: str) -> Path:
    """Return where a stack keeps what its images were made of."""
    return root / ".sluice" / "images" / stack


def release_stack(root: Path, stack: str) -> bool:
    """Remove what a stack that was taken down leaves of its images, and stop the services when it was the last one.

    Tell whether they were stopped. What was built and stored stays, as a cache.
    """
    contexts = contexts_folder(root, stack)
    had_contexts = contexts.exists()
    for folder in (contexts, manifests_folder(root, stack)):
        remove_tree(folder)
        with suppress(OSError):  # another stack has some, or nobody had any
            folder.parent.rmdir()
    return had_contexts and machine_services().release(contexts)


def failed_build(histories: str, image: str) -> str:
    """Return the reference of the last failed build of an image; empty without one.

    `histories` is what `buildctl debug histories --format '{{json .}}'` prints: a record a line.
    """
    found: list[tuple[int, int, str]] = []
    for line in histories.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            record = json.loads(line)["record"]
            names = [exporter["Attrs"].get("name", "") for exporter in record["Exporters"]]
            created = record["CreatedAt"]
            if "error" in record and any(f"/{image}:" in name for name in names):
                found.append((created.get("seconds", 0), created.get("nanos", 0), str(record["Ref"])))
    return max(found, default=(0, 0, ""))[2]


def _still_there(note: Path) -> bool:
    """Tell whether the stack that a note names still exists; the note of one that was deleted is removed."""
    if Path(note.read_text(encoding="utf-8")).exists():
        return True
    note.unlink(missing_ok=True)
    return False

"""The registry on loopback, and what is recorded of it: its port, and the id of what it stores."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.image_programs import ImagePrograms
from sluice.engine.parts import Progress
from sluice.engine.tools import ToolSupply
from sluice.images.registry import MOST_STORED, Registry, answers, registry_config
from sluice.images.services import REGISTRY, ImageFolder
from sluice.targets.local.files import read_json, remove_tree, write_json, write_private
from sluice.targets.local.processes.ports import free_port, owner_of
from sluice.targets.local.processes.program import LivenessCheck


@dataclass(frozen=True)
class RegistryService:
    """The registry of this user. Whoever calls holds the services' lock."""

    programs: ImagePrograms
    supply: ToolSupply

    def known(self) -> Registry:
        """Return it, running or not: its port is chosen once and kept."""
        record = read_json(self._folder.record)
        if record is None:
            record = {"port": free_port(), "store": secrets.token_hex(8)}
            write_json(self._folder.record, record)
        return Registry(f"127.0.0.1:{record['port']}", record["store"])

    def ensure(self, progress: Progress) -> Registry:
        """Have it run. Raises BuilderFailed, EngineMissing, StorageFailed."""
        registry = self.known()
        runs = REGISTRY in self.programs.running()
        if runs and answers(registry.address):
            return registry
        command = self.supply.ensure(progress)
        if not runs:
            registry = self._with_free_port(self._bounded(registry))
        state = self._folder.registry_state
        config = registry_config(state, registry.address, _upload_secret(registry))
        write_private(self._folder.registry_config, config)
        argv = (str(command), "serve", str(self._folder.registry_config))
        check = LivenessCheck(f"http://{registry.address}/v2/")
        self.programs.start(REGISTRY, argv, config, lambda: answers(registry.address), check)
        return registry

    @property
    def _folder(self) -> ImageFolder:
        return self.programs.folder

    def emptied(self) -> Registry:
        """Remove what it stores; it must not run. Stacks that need something of it push it again."""
        remove_tree(self._folder.registry_state)
        return self._recorded(self.known(), store=secrets.token_hex(8))

    def _bounded(self, registry: Registry) -> Registry:
        """Empty a store that has grown too large."""
        return registry if _size(self._folder.registry_state) <= MOST_STORED else self.emptied()

    def _with_free_port(self, registry: Registry) -> Registry:
        """Take another port when somebody else listens at ours; images are then pushed under the new one."""
        return registry if owner_of(_port(registry)) is None else self._recorded(registry, port=free_port())

    def _recorded(self, registry: Registry, **changes: object) -> Registry:
        write_json(self._folder.record, {"port": _port(registry), "store": registry.store, **changes})
        return self.known()


def _port(registry: Registry) -> int:
    return int(registry.address.rpartition(":")[2])


def _upload_secret(registry: Registry) -> str:
    """Return what it signs upload sessions with: the same after a restart, or uploads under way would fail."""
    return hashlib.sha256(f"{registry.store}:{os.getuid()}".encode()).hexdigest()


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total

"""A Docker of values: containers in a dictionary, ended by hand; and specs and wishes for what needs some."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sluice.plan.runtimes import Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.models import Probe
from sluice.targets.local.docker.engine import Container, Machine, Refused, Unreachable
from sluice.targets.local.docker.limits import GIB, Limits
from sluice.targets.local.docker.spec import ContainerSpec
from sluice.targets.local.wish import Wish

MACHINE = Machine(Limits(8, 32 * GIB), rootless=False, bridge=True)


@dataclass
class FakeDocker:
    """A Docker that runs nothing. `calls` is what it was asked to change, in order.

    `watched` tells when a runner waits for the end of a container, `read` when it reads its log.
    """

    containers: dict[str, Container] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    secret_env: Mapping[str, str] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    hub: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    gone: int = 0
    watched: threading.Event = field(default_factory=threading.Event)
    read: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    counted: threading.Event = field(default_factory=threading.Event)
    kills: int = 0
    codes: dict[str, int] = field(default_factory=dict)

    def connect(self) -> FakeDocker:
        if self.gone:
            self.gone -= 1
            raise Unreachable("nobody listens")
        return self

    def machine(self) -> Machine:
        return MACHINE

    def image_id(self, reference: str) -> str | None:
        return self.images.get(reference)

    def pull(self, reference: str, report: Callable[[str], None]) -> None:
        if reference not in self.hub:
            raise Refused("manifest unknown")
        report("half of it is here")
        self.images[reference] = self.hub[reference]

    def find(self, name: str) -> Container | None:
        return self.containers.get(name)

    def create(self, spec: ContainerSpec, secret_env: Mapping[str, str]) -> str:
        self.calls.append("create")
        if self.refusal:
            raise Refused(self.refusal)
        self.secret_env = secret_env
        self.ended.clear()
        self.containers[spec.name] = Container(f"id-{len(self.calls)}", running=False, labels=spec.labels)
        return self.containers[spec.name].id

    def passwd(self, identifier: str) -> str:
        return ""

    def start(self, identifier: str) -> None:
        self.calls.append("start")
        self._change(identifier, running=True)

    def wait(self, identifier: str) -> int:
        self.watched.set()
        assert self.ended.wait(10)
        if self.gone:
            raise Unreachable("the connection broke")
        return self.codes[identifier]

    def stop(self, identifier: str, grace_s: int) -> None:
        self.calls.append(f"stop in {grace_s} s")
        self.end(0)

    def remove(self, identifier: str) -> None:
        self.calls.append("remove")
        self.containers = {name: one for name, one in self.containers.items() if one.id != identifier}

    def memory_kills(self, identifier: str) -> Iterator[None]:
        for _ in range(self.kills):
            yield
        self.counted.set()

    def logs(self, identifier: str, since: float) -> Iterator[bytes]:
        self.read.set()
        yield from self.lines

    def end(self, code: int, **more: Any) -> None:
        """End every container with this status."""
        for one in list(self.containers.values()):
            self._change(one.id, running=False, exit_code=code, **more)
            self.codes[one.id] = code
        self.ended.set()

    def _change(self, identifier: str, **more: Any) -> None:
        name = next(name for name, one in self.containers.items() if one.id == identifier)
        self.containers[name] = replace(self.containers[name], **more)


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker()


@pytest.fixture
def spec(tmp_path: Path) -> ContainerSpec:
    """A container of a server of ours, with its secrets on disk."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "environment.json").write_text('{"TOKEN": "hush"}')
    return ContainerSpec(
        name="sluice-0123abcd-qa.blue.0",
        replica="qa.blue.0",
        address="unix:///run/docker.sock",
        image="sha256:abc",
        port=18000,
        container_port=8080,
        secrets=str(secrets),
        command=("/opt/sluice/entry.py", "/run/sluice/environment.json", "/tmp/sluice", "-m", "server"),
        env={"MODE": "fast"},
        cores=2,
        memory=4 * GIB,
    )


@pytest.fixture
def wish() -> Wish:
    """A scoring script in a container."""
    return Wish(
        endpoint="qa",
        name="blue",
        server=ServerKind.SCORING_SCRIPT,
        environment="sha256:abc",
        content="c1",
        model={"name": "answers", "version": "7", "contentHash": "c1", "folder": "library"},
        code={"name": "code", "version": "1", "contentHash": "c2", "scoringScript": "score.py"},
        variables={"MODE": "fast"},
        secret_variables={"TOKEN": "hush"},
        connections={},
        identity=None,
        instance_count=1,
        timeout_ms=5000,
        max_concurrent=1,
        liveness=Probe(),
        readiness=Probe(),
        runtime=Runtime.DOCKER,
        instance_type="Standard_DS3_v2",
    )

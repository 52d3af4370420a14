"""Which locks a stack has or could have: one for each set of packages that its deployments ask for. Pure but for
the reading of locks.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import Mark, SpecError, Unsupported, UsageError
from sluice.images.feeds import Feed, split_feeds
from sluice.images.lock import LockRequest, lock_findings, lock_path, read_lock
from sluice.plan.needs import python_needs
from sluice.plan.servers import ServerKind, server_kind
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, Environment, Model, SpecSet
from sluice.spec.references import written_here

ServerPackages = Callable[[str | None, ServerKind, Sequence[str]], tuple[str, ...]]
"""From a base image, the server's kind and a deployment's own requirement lines to what is locked beside them."""


@dataclass(frozen=True)
class LockTarget:
    """A lock: where it lies, the file it is for, what it is made from, and who asks for it."""

    path: Path
    source: Path
    request: LockRequest
    feeds: tuple[Feed, ...]
    at: Mark
    deployments: tuple[str, ...]

    @property
    def text(self) -> str | None:
        """The lock as it is on disk; None without one. Raises SpecError where it can't be read."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{self.path}: the lock can't be read", remedy="Write it anew.") from error


def asked_locks(specs: SpecSet, server_packages: ServerPackages) -> tuple[LockTarget, ...]:
    """Return what each deployment would have locked, in the order of deployments; none for one without packages."""
    found = (_target(specs, deployment, server_packages) for deployment in specs.deployments)
    return tuple(target for target in found if target)


def lock_targets(specs: SpecSet, server_packages: ServerPackages) -> tuple[LockTarget, ...]:
    """Return the locks of a stack, each once.

    Raises UsageError where two deployments would need different locks in one place.
    """
    found: dict[Path, LockTarget] = {}
    for target in asked_locks(specs, server_packages):
        there = found.get(target.path)
        if there and there.request != target.request:
            raise UsageError(
                f"{target.path.name}: {there.deployments[0]} and {target.deployments[0]} ask for other packages"
                " beside the same file",
                remedy="Give one of them a requirements file of its own.",
            )
        names = (*(there.deployments if there else ()), *target.deployments)
        found[target.path] = LockTarget(
            target.path, target.source, target.request, target.feeds, there.at if there else target.at, names
        )
    return tuple(found.values())


def present_locks(asked: Iterable[LockTarget]) -> Mapping[str, Path]:
    """Return the locks that are there, by `endpoint/deployment`, but those made beside other packages of the server.

    `asked` are those of `asked_locks`. Raises SpecError where a lock can't be read.
    """
    return frozen_map(
        {
            name: target.path
            for target in asked
            for name in target.deployments
            if (text := target.text) is not None and read_lock(text, target.path.name).server == target.request.server
        }
    )


def _target(specs: SpecSet, deployment: Deployment, server_packages: ServerPackages) -> LockTarget | None:
    written = written_here(deployment.environment, specs.environments)
    served = written_here(deployment.model, specs.models)
    kind = _kind(deployment, served, written)
    needs = python_needs(written, served.content if served else None)
    if kind is None or needs.source is None or not needs.requirements:
        return None
    feeds, lines = split_feeds(needs.requirements)
    server = server_packages(written.image if written else None, kind, lines)
    request = LockRequest(lines, server, needs.python_version or LockRequest.python_version)
    name = f"{deployment.endpoint_name}/{deployment.name}"
    return LockTarget(lock_path(needs.source), needs.source, request, feeds, deployment.at, (name,))


def _kind(deployment: Deployment, model: Model | None, environment: Environment | None) -> ServerKind | None:
    try:
        return server_kind(deployment, model, environment)
    except Unsupported:
        return None


def stack_lock_findings(asked: Sequence[LockTarget], root: Path) -> tuple[Diagnostic, ...]:
    """Return where requirements and the locks that there are have drifted apart, each once. Raises as `text` does."""
    wanted = {(one.path, one.request): one for one in reversed(asked)}
    return tuple(
        finding
        for target in reversed(wanted.values())
        for finding in lock_findings(
            target.at, target.request.requirements, target.request.server, target.text, _shown(target.path, root)
        )
    )


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

"""What was found in a whole stack, as results by file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sluice.errors import SpecError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.files import told
from sluice.spec.kinds import Kind, detect
from sluice.spec.models import SpecSet
from sluice.spec.nodes import Node
from sluice.spec.parse import read_node
from sluice.spec.results import FileResult, spots, with_keys


def project_results(
    specs: SpecSet, diagnostics: Iterable[Diagnostic], *, allow_placeholders: bool = False
) -> tuple[FileResult, ...]:
    """Return a result for every file of a stack, and for every other that `diagnostics` are about, sorted by path.

    Files with findings are read once more, for the keys that the findings are about.
    """
    kinds = dict(_kinds(specs))
    found: dict[str, list[Diagnostic]] = {path: [] for path in kinds}
    for one in diagnostics:
        found.setdefault(one.at.path, []).append(one)
    results = (
        _result(specs.root, path, kinds.get(path), found[path], allow_placeholders=allow_placeholders)
        for path in sorted(found)
    )
    return tuple(results)


def _kinds(specs: SpecSet) -> Iterable[tuple[str, str]]:
    yield from ((one.at.path, Kind.ENDPOINT) for one in specs.endpoints.values())
    yield from ((one.at.path, Kind.DEPLOYMENT) for one in specs.deployments)
    yield from ((one.at.path, Kind.MODEL) for one in specs.models.values())
    yield from ((one.at.path, Kind.ENVIRONMENT) for one in specs.environments.values())
    yield from ((one.at.path, Kind.CONNECTION) for one in specs.connections.values())
    yield from ((one.at.path, Kind.ACCESS) for one in specs.access)
    yield from ((one.at.path, Kind.ROLLOUT) for one in specs.rollouts.values())


def _result(
    root: Path, path: str, kind: str | None, diagnostics: list[Diagnostic], *, allow_placeholders: bool
) -> FileResult:
    if not diagnostics:
        return FileResult(path, kind)
    node = _node(root, path)
    places = spots(node) if node else {}
    kind = kind or (detect(node, Path(path)) if node else None)
    return FileResult(path, kind, with_keys(told(diagnostics, places, allowed=allow_placeholders), places))


def _node(root: Path, path: str) -> Node | None:
    try:
        return read_node(root / path, root)
    except SpecError:
        return None

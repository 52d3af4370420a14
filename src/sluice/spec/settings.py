"""Settings of a stack: `stacks/<stack>/stack.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.documents import SETTINGS_FILE
from sluice.spec.findings import schema_findings
from sluice.spec.kinds import Kind
from sluice.spec.load import raise_errors
from sluice.spec.models import frozen_map
from sluice.spec.nodes import ListNode, Node, ScalarNode, dig, items, text, whole
from sluice.spec.parse import display_path, read_node
from sluice.spec.schema import normalised, top

Weights = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class StackSettings:
    """What `stack.yaml` says, or its defaults. Weights are percent by endpoint and deployment; ports by endpoint."""

    stack: str
    at: Mark
    target: str = "local"
    specs: tuple[str, ...] | None = None
    runtime: str = "process"
    traffic: Weights = field(default_factory=frozen_map)
    mirror_traffic: Weights = field(default_factory=frozen_map)
    port: Mapping[str, int] = field(default_factory=frozen_map)
    production: bool = False
    subscription: str | None = None
    resource_group: str | None = None
    workspace: str | None = None
    location: str | None = None
    registry: str | None = None


def load_settings(root: Path, stack: str) -> StackSettings:
    """Return the settings of `stack`; without a file, the defaults.

    Raises:
        SpecFileError: the file can't be read or is not YAML.
        SpecError: the file breaks its schema; the text holds every finding.
    """
    file = root / "stacks" / stack / SETTINGS_FILE
    at = Mark(display_path(file, root))
    if not file.exists():
        return StackSettings(stack, at)
    place = top(Kind.STACK)
    node = normalised(read_node(file, root), place)
    raise_errors(schema_findings(Kind.STACK, node, place))
    return _settings(stack, at, node)


def _settings(stack: str, at: Mark, node: Node) -> StackSettings:
    specs, production = dig(node, "specs"), dig(node, "production")
    return StackSettings(
        stack=stack,
        at=at,
        target=text(node, "target") or StackSettings.target,
        specs=tuple(text(item) or "" for item in specs.items) if isinstance(specs, ListNode) else None,
        runtime=text(node, "runtime") or StackSettings.runtime,
        traffic=_weights(node, "traffic"),
        mirror_traffic=_weights(node, "mirrorTraffic"),
        port=_numbers(dig(node, "port")),
        production=isinstance(production, ScalarNode) and production.value is True,
        subscription=text(node, "subscription"),
        resource_group=text(node, "resourceGroup"),
        workspace=text(node, "workspace"),
        location=text(node, "location"),
        registry=text(node, "registry"),
    )


def _weights(node: Node, key: str) -> Weights:
    return frozen_map({endpoint: _numbers(entry.node) for endpoint, entry in items(node, key)})


def _numbers(node: Node | None) -> Mapping[str, int]:
    return frozen_map({name: whole(entry.node) or 0 for name, entry in items(node)})

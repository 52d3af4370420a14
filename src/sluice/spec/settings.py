"""Settings of a stack: `stacks/<stack>/stack.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import SETTINGS_FILE
from sluice.spec.faults import FILE_FAULTS
from sluice.spec.findings import error_at, nearest, schema_findings
from sluice.spec.frozen import frozen_map
from sluice.spec.kinds import Kind
from sluice.spec.load import raise_errors
from sluice.spec.models import SpecSet
from sluice.spec.nodes import ListNode, Node, ScalarNode, dig, items, mark_of, text, whole
from sluice.spec.parse import read_node
from sluice.spec.reading import display_path
from sluice.spec.rules.world import may_hide
from sluice.spec.schema import normalised, top

Weights = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class StackSettings:
    """What `stack.yaml` says, or its defaults.

    Weights are percent by endpoint and deployment; ports, and latencies in milliseconds, by endpoint.
    `node` is the file itself, for marks; None where there is no file.
    """

    stack: str
    at: Mark
    target: str = "local"
    specs: tuple[str, ...] | None = None
    runtime: str = "process"
    traffic: Weights = field(default_factory=frozen_map)
    mirror_traffic: Weights = field(default_factory=frozen_map)
    port: Mapping[str, int] = field(default_factory=frozen_map)
    production: bool = False
    latency: Mapping[str, int] = field(default_factory=frozen_map)
    subscription: str | None = None
    resource_group: str | None = None
    workspace: str | None = None
    location: str | None = None
    registry: str | None = None
    node: Node | None = field(default=None, repr=False, compare=False)


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
        latency=_numbers(dig(node, "latency")),
        subscription=text(node, "subscription"),
        resource_group=text(node, "resourceGroup"),
        workspace=text(node, "workspace"),
        location=text(node, "location"),
        registry=text(node, "registry"),
        node=node,
    )


def _weights(node: Node, key: str) -> Weights:
    return frozen_map({endpoint: _numbers(entry.node) for endpoint, entry in items(node, key)})


def _numbers(node: Node | None) -> Mapping[str, int]:
    return frozen_map({name: whole(entry.node) or 0 for name, entry in items(node)})


def settings_findings(settings: StackSettings, specs: SpecSet) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a stack's overrides: they keep the rules of an endpoint's own weights."""
    if settings.node is None:
        return ()
    return tuple(
        finding
        for endpoint in dict.fromkeys([*settings.traffic, *settings.mirror_traffic, *settings.port, *settings.latency])
        for finding in _override_findings(endpoint, settings, settings.node, specs)
    )


def _override_findings(name: str, settings: StackSettings, node: Node, specs: SpecSet) -> Iterator[Diagnostic]:
    key = next(key for key in ("traffic", "mirrorTraffic", "port", "latency") if dig(node, key, name))
    at = mark_of(node, key, name)
    endpoint = specs.endpoints.get(name)
    if endpoint is None and _may_be_hidden(specs, "endpoint", name):
        return
    if endpoint is None:
        meant = nearest(name, list(specs.endpoints))
        yield error_at(
            at, f"no endpoint has the name `{name}`", f"Did you mean `{meant}`?" if meant else "", "endpoint"
        )
        return
    live = settings.traffic.get(name, endpoint.traffic or {})
    mirrored = settings.mirror_traffic.get(name, endpoint.mirror_traffic)
    yield from _unknown_deployments(name, node, specs)
    if sum(live.values()) not in {0, 100}:
        message = f"the traffic of `{name}` must sum to 100 (or 0 for none), found {sum(live.values())}"
        yield error_at(at, message, "Change the weights.", "traffic-sum")
    targets = [deployment for deployment, weight in mirrored.items() if weight]
    if len(targets) > 1:
        message = f"the mirror traffic of `{name}` goes to one deployment, found {', '.join(targets)}"
        yield error_at(at, message, "Keep one of them.", "mirror")
    for deployment in (target for target in targets if live.get(target)):
        message = f"`{deployment}` gets live traffic and mirrored traffic; a deployment gets one of them"
        yield error_at(at, message, "Remove one of the two.", "mirror")


def _may_be_hidden(specs: SpecSet, kind: str, *key: str) -> bool:
    """Tell whether a specification is only missing because its file could not be read."""
    unreadable = any(finding.code in FILE_FAULTS for finding in specs.diagnostics)
    return unreadable or may_hide(specs.unread, kind, *key)


def _unknown_deployments(endpoint: str, node: Node, specs: SpecSet) -> Iterator[Diagnostic]:
    known = [deployment.name for deployment in specs.deployments if deployment.endpoint_name == endpoint]
    for key in ("traffic", "mirrorTraffic"):
        for name, entry in items(node, key, endpoint):
            if name not in known and not _may_be_hidden(specs, "deployment", endpoint, name):
                meant = nearest(name, known)
                remedy = f"Did you mean `{meant}`?" if meant else f"It has {', '.join(known) or 'none'}."
                yield error_at(
                    entry.key_at, f"no deployment of `{endpoint}` has the name `{name}`", remedy, "traffic-target"
                )

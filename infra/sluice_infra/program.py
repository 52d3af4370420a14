"""What a stack's program does: read its settings, load and check its specs, plan. No resource is made here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from sluice.errors import SluiceError, Unsupported
from sluice.plan.graph import Graph
from sluice.plan.local import Goal, plan_local
from sluice.spec.load import check, load_specs, raise_errors
from sluice.spec.models import SpecSet, frozen_map
from sluice.spec.settings import StackSettings, load_settings, settings_findings
from sluice.traffic.weights import check_mirror, check_weights, goal
from sluice_infra.components.stack import build


def run(root: Path) -> None:
    """Plan the current stack of the project at `root`, register its resources and export its outputs.

    Every spec is loaded and checked before the first resource is registered.
    Raises pulumi.RunError with our own words for whatever a user can mend.
    """
    try:
        outputs = build(_plan(root, pulumi.get_stack()))
    except SluiceError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in outputs.items():
        pulumi.export(name, value)


def _plan(root: Path, stack: str) -> Graph:
    written = load_settings(root, stack)
    settings = with_config(written, pulumi.Config("sluice"))
    if settings.target != "local":
        raise Unsupported(f"target: {settings.target} is not there yet", remedy="Use target: local.")
    specs = load_specs(root, settings.specs, stack)
    raise_errors(settings_findings(written, specs))
    for diagnostic in specs.diagnostics:
        if diagnostic.severity == "warning":
            pulumi.log.warn(f"{diagnostic.at}: {diagnostic.message}")
    check(specs)
    return plan_local(specs, goals_of(specs, settings), settings.port)


def with_config(settings: StackSettings, config: pulumi.Config) -> StackSettings:
    """Return the settings with Pulumi's configuration on top (`sluice:traffic`, `sluice:port`, ...)."""
    from dataclasses import replace

    changes: dict[str, Any] = {}
    for field, key in (("traffic", "traffic"), ("mirror_traffic", "mirrorTraffic"), ("port", "port")):
        override = config.get_object(key)
        if override:
            changes[field] = frozen_map({**getattr(settings, field), **override})
    for field in ("target", "runtime"):
        if value := config.get(field):
            changes[field] = value
    return replace(settings, **changes)


def goals_of(specs: SpecSet, settings: StackSettings) -> Mapping[str, Goal]:
    """Return the weights each endpoint is to have. Raises TrafficRefused for what can't be."""
    return {name: _goal(specs, settings, name) for name in specs.endpoints}


def _goal(specs: SpecSet, settings: StackSettings, name: str) -> Goal:
    endpoint = specs.endpoints[name]
    existing = [deployment.name for deployment in specs.deployments if deployment.endpoint_name == name]
    weights = goal(endpoint.traffic, settings.traffic.get(name), existing)
    mirror = settings.mirror_traffic.get(name, endpoint.mirror_traffic)
    check_weights(weights, existing, name)
    check_mirror(mirror, weights, existing, name)
    return Goal(frozen_map(weights), frozen_map(mirror))

"""What a stack's program does: read its settings, load and check its specs, plan. No resource is made here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

from sluice.errors import SluiceError, TrafficRefused, Unsupported
from sluice.plan.graph import Graph
from sluice.plan.local import Goal, plan_local
from sluice.spec.load import check, load_specs, raise_errors
from sluice.spec.models import SpecSet, frozen_map
from sluice.spec.settings import StackSettings, load_settings, settings_findings
from sluice.traffic.weights import check_mirror, check_weights, goal
from sluice_infra.components.stack import build
from sluice_infra.settings import with_config


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
    _refuse_what_is_not_there(settings)
    specs = load_specs(root, settings.specs, stack)
    raise_errors(settings_findings(written, specs))
    for diagnostic in specs.diagnostics:
        if diagnostic.severity == "warning":
            pulumi.log.warn(f"{diagnostic.at}: {diagnostic.message}")
    check(specs)
    return plan_local(specs, goals_of(specs, settings), settings.port)


def _refuse_what_is_not_there(settings: StackSettings) -> None:
    for key, value, has in (("target", settings.target, "local"), ("runtime", settings.runtime, "process")):
        if value != has:
            raise Unsupported(f"{key}: {value} is not there yet", remedy=f"Use {key}: {has}.", at=settings.at)


def goals_of(specs: SpecSet, settings: StackSettings) -> Mapping[str, Goal]:
    """Return the weights each endpoint is to have. Raises TrafficRefused for what can't be."""
    return {name: _goal(specs, settings, name) for name in specs.endpoints}


def _goal(specs: SpecSet, settings: StackSettings, name: str) -> Goal:
    try:
        return _checked_goal(specs, settings, name)
    except TrafficRefused as error:
        if name not in settings.traffic and name not in settings.mirror_traffic:
            raise
        raise TrafficRefused(
            f"{error.message}; it is the stack's override that says so",
            remedy=f"{error.remedy} Override again: sluice traffic set NAME=100 --endpoint {name}",
        ) from None


def _checked_goal(specs: SpecSet, settings: StackSettings, name: str) -> Goal:
    endpoint = specs.endpoints[name]
    existing = [deployment.name for deployment in specs.deployments if deployment.endpoint_name == name]
    weights = goal(endpoint.traffic, settings.traffic.get(name), existing)
    mirror = settings.mirror_traffic.get(name, endpoint.mirror_traffic)
    check_weights(weights or {}, existing, name)
    check_mirror(mirror, weights or {}, existing, name)
    return Goal(weights, frozen_map(mirror))

"""What a stack's program does: read its settings, load and check its specs, then what its target does with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from sluice.errors import SluiceError, SpecError, TrafficRefused
from sluice.plan.local import Goal
from sluice.spec.frozen import frozen_map
from sluice.spec.load import check, load_specs, raise_errors
from sluice.spec.models import SpecSet
from sluice.spec.rules.advice import advice
from sluice.spec.settings import StackSettings, load_settings, settings_findings
from sluice.spec.terms import SecretReference
from sluice.traffic.weights import check_mirror, check_weights, goal
from sluice_infra.settings import with_config


def run(root: Path) -> None:
    """Plan the current stack of the project at `root`, register its resources and export its outputs.

    Every spec is loaded and checked before the first resource is registered.
    Raises pulumi.RunError with our own words for whatever a user can mend.
    """
    try:
        outputs = _built(root, pulumi.get_stack())
    except SluiceError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in outputs.items():
        pulumi.export(name, value)


def _built(root: Path, stack: str) -> Mapping[str, Any]:
    """Build the stack. A target is imported where it is used: neither pays for the other."""
    specs, settings = _read(root, stack)
    goals = goals_of(specs, settings)
    if settings.target == "azure":
        from sluice_infra.azure_program import build_azure

        return build_azure(specs, settings, goals)
    from sluice_infra.local_program import build_local

    return build_local(root, specs, settings, goals)


def _read(root: Path, stack: str) -> tuple[SpecSet, StackSettings]:
    """Return a stack's checked specifications and its settings. Raises SpecError and the like."""
    written = load_settings(root, stack)
    settings = with_config(written, pulumi.Config("sluice"))
    _refuse_unknown_target(settings)
    specs = load_specs(root, settings.specs, stack)
    raise_errors(settings_findings(written, specs))
    for diagnostic in (*specs.diagnostics, *advice(specs, settings)):
        if diagnostic.severity == "warning":
            pulumi.log.warn(f"{diagnostic.at}: {diagnostic.message}")
    check(specs)
    if not specs.endpoints:
        raise SpecError(
            f"stack {stack} has no endpoint in any specification; all it has here would be taken away",
            remedy="Check the places in `specs` of the stack's settings; to take it down: sluice down",
            at=settings.at,
        )
    _warn_of_overrides(specs, written, settings)
    return specs, settings


def _refuse_unknown_target(settings: StackSettings) -> None:
    """Raise SpecError: `pulumi config` takes any word."""
    if settings.target not in {"local", "azure"}:
        raise SpecError(f"target: {settings.target} is none", remedy="Use local or azure.", at=settings.at)


def _warn_of_overrides(specs: SpecSet, written: StackSettings, settings: StackSettings) -> None:
    """Say where weights set by hand stand in front of those that a reviewer reads."""
    for name, endpoint in specs.endpoints.items():
        by_hand = settings.traffic.get(name)
        said = written.traffic.get(name, endpoint.traffic)
        if said is None or by_hand is None or by_hand == written.traffic.get(name):
            continue
        live = {deployment: weight for deployment, weight in by_hand.items() if weight}
        if live != {deployment: weight for deployment, weight in said.items() if weight}:
            weights = " ".join(f"{deployment}={weight}" for deployment, weight in sorted(live.items())) or "none"
            pulumi.log.warn(
                f"{endpoint.at.path}: the weights set by hand ({weights}) stand before those of {name}'s"
                f" specification; go back to these: sluice traffic reset --endpoint {name}"
            )


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
    return Goal(weights, frozen_map(mirror), *_rollout(specs, name))


def _rollout(specs: SpecSet, name: str) -> tuple[Mapping[str, Any] | None, Mapping[str, SecretReference]]:
    """Return how an endpoint's traffic is walked, and the secrets that takes."""
    rollout = specs.rollouts.get(name)
    if rollout is None:
        return None, {}
    from sluice.rollout.documents import plain_rollout

    return plain_rollout(rollout, specs.root)

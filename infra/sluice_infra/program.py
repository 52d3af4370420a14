"""What a stack's program does: read its settings, load and check its specs, plan. No resource is made here."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from sluice.errors import SluiceError, SpecError, TrafficRefused, Unsupported
from sluice.plan.graph import Graph
from sluice.plan.local import Goal, Local, plan_local, relative_to
from sluice.plan.needs import python_needs
from sluice.plan.runtimes import Runtime, runtime_of
from sluice.spec.frozen import frozen_map
from sluice.spec.load import check, load_specs, raise_errors
from sluice.spec.models import Deployment, SpecSet
from sluice.spec.references import written_here
from sluice.spec.rules.advice import advice
from sluice.spec.settings import StackSettings, load_settings, settings_findings
from sluice.spec.terms import SecretReference
from sluice.traffic.weights import check_mirror, check_weights, goal
from sluice_infra.components.stack import build
from sluice_infra.settings import with_config

if TYPE_CHECKING:
    from sluice.images.prepare import Prepared


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
    graph, images, registry = _plan(root, stack)
    if not images:
        return build(graph)
    # Late: a stack without images need not pay for what builds them.
    from sluice.engine.images import manifests_folder
    from sluice_infra.image_plans import keeper
    from sluice_infra.images import prepare_images

    keep = keeper(images, manifests_folder(root, stack))
    return build(graph, prepare_images(root, stack, [one.plan for one in images.values()], registry, keep))


def _plan(root: Path, stack: str) -> tuple[Graph, Mapping[str, Prepared], str | None]:
    written = load_settings(root, stack)
    settings = with_config(written, pulumi.Config("sluice"))
    _refuse_what_is_not_there(settings)
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
    locks = _locks(specs)
    images = _images(root, stack, specs, _runtime(settings))
    names = {key: one.plan.name for key, one in images.items()}
    graph = plan_local(
        specs, goals_of(specs, settings), settings.port, Local(_runtime(settings), frozen_map(names), locks)
    )
    return graph, images, settings.registry


def _locks(specs: SpecSet) -> Mapping[str, Mapping[str, str]]:
    """Return what packages are locked to. Raises SpecError where requirements and their lock have drifted apart."""
    if not any(_asks_for_packages(specs, one) for one in specs.deployments):
        return frozen_map()
    # Late: a stack without packages of its own need not pay for what reads locks.
    from sluice.images.requests import asked_locks, present_locks, stack_lock_findings
    from sluice.targets.local.serving.images import server_packages

    asked = asked_locks(specs, server_packages)
    raise_errors(stack_lock_findings(asked, specs.root))
    found = present_locks(asked)
    hashes = {path: sha256(path.read_bytes()).hexdigest() for path in found.values()}
    return {name: {"path": relative_to(specs.root, path), "sha256": hashes[path]} for name, path in found.items()}


def _asks_for_packages(specs: SpecSet, deployment: Deployment) -> bool:
    model = written_here(deployment.model, specs.models)
    environment = written_here(deployment.environment, specs.environments)
    return bool(python_needs(environment, model.content if model else None).requirements)


def _images(root: Path, stack: str, specs: SpecSet, runtime: Runtime) -> Mapping[str, Prepared]:
    if not any(runtime_of(one, runtime) is Runtime.DOCKER for one in specs.deployments):
        return {}
    from sluice.engine.images import manifests_folder
    from sluice_infra.image_plans import image_plans

    images = image_plans(specs, runtime, manifests_folder(root, stack))
    for warning in (warning for one in images.values() for warning in one.warnings):
        pulumi.log.warn(f"{warning.at}: {warning.message}")
    return images


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


def _refuse_what_is_not_there(settings: StackSettings) -> None:
    if settings.target != "local":
        raise Unsupported(f"target: {settings.target} is not there yet", remedy="Use target: local.", at=settings.at)


def _runtime(settings: StackSettings) -> Runtime:
    """Return the stack's runtime. Raises SpecError: `pulumi config` takes any word."""
    if settings.runtime not in list(Runtime):
        words = " or ".join(Runtime)
        raise SpecError(f"runtime: {settings.runtime} is none", remedy=f"Use {words}.", at=settings.at)
    return Runtime(settings.runtime)


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

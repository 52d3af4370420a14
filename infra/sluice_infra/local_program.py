"""What a stack's program does where the target is this machine: locks, images, the plan, the resources."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from sluice.errors import SpecError
from sluice.plan.local import Goal, Local, plan_local, relative_to
from sluice.plan.needs import python_needs
from sluice.plan.runtimes import Runtime, runtime_of
from sluice.spec.frozen import frozen_map
from sluice.spec.load import raise_errors
from sluice.spec.models import Deployment, SpecSet
from sluice.spec.references import written_here
from sluice.spec.settings import StackSettings
from sluice_infra.components.stack import build

if TYPE_CHECKING:
    from sluice.images.prepare import Prepared


def build_local(root: Path, specs: SpecSet, settings: StackSettings, goals: Mapping[str, Goal]) -> Mapping[str, Any]:
    """Plan a stack on this machine, register it, and return its outputs.

    Raises SpecError, AccessDenied, Unsupported and the like, before anything is registered.
    """
    locks = _locks(specs)
    images = _images(root, settings.stack, specs, _runtime(settings))
    names = {key: one.plan.name for key, one in images.items()}
    graph = plan_local(specs, goals, settings.port, Local(_runtime(settings), frozen_map(names), locks))
    if not images:
        return build(graph)
    # Late: a stack without images need not pay for what builds them.
    from sluice.engine.images import manifests_folder
    from sluice_infra.image_plans import keeper
    from sluice_infra.images import prepare_images

    keep = keeper(images, manifests_folder(root, settings.stack))
    plans = [one.plan for one in images.values()]
    return build(graph, prepare_images(root, settings.stack, plans, settings.registry, keep))


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


def _runtime(settings: StackSettings) -> Runtime:
    """Return the stack's runtime. Raises SpecError: `pulumi config` takes any word."""
    if settings.runtime not in list(Runtime):
        words = " or ".join(Runtime)
        raise SpecError(f"runtime: {settings.runtime} is none", remedy=f"Use {words}.", at=settings.at)
    return Runtime(settings.runtime)

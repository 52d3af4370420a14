"""Rules of a rollout and what stands around it: its endpoint, the deployments behind that, the stack it is for."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.models import SpecSet, where
from sluice.spec.rollout import Rollout, StepKind
from sluice.spec.rules.world import World


def endpoint_found(rollout: Rollout, world: World) -> Iterator[Diagnostic]:
    """The endpoint exists."""
    name, known = rollout.endpoint_name, [one.name for one, _ in world.endpoints]
    if name in known or world.hides("endpoint", name):
        return
    meant = nearest(name, known)
    remedy = f"Did you mean `{meant}`?" if meant else "Add a specification of the endpoint."
    message = f"`endpoint_name`: no endpoint has the name `{name}`"
    yield error_at(where(rollout, "endpoint_name"), message, remedy, "endpoint")


def drain(rollout: Rollout, world: World) -> Iterator[Diagnostic]:
    """A deployment that was left may finish what it has: for as long as it may take a request at all."""
    behind = [one for one, _ in world.deployments if one.endpoint_name == rollout.endpoint_name]
    slowest = max(behind, key=lambda one: one.request_settings.request_timeout_ms, default=None)
    longest_s = slowest.request_settings.request_timeout_ms / 1000 if slowest else 0
    if slowest and rollout.drain_s < longest_s:
        message = f"`drain` is {rollout.drain_s:g} s, and a request of `{slowest.name}` may take {longest_s:g} s"
        remedy = f"Give it {longest_s:g}s or more, or requests in flight are cut off."
        yield warning_at(where(rollout, "drain"), message, remedy, "rollout-drain")


def findings(world: World) -> Iterator[Diagnostic]:
    """Yield what is wrong between rollouts and other specifications."""
    for rollout, _ in world.rollouts:
        yield from endpoint_found(rollout, world)
        yield from drain(rollout, world)


def advice(specs: SpecSet) -> Iterator[Diagnostic]:
    """Yield the advice for rollouts in a stack marked production: the old version stays warm for a while."""
    for rollout in specs.rollouts.values():
        if not any(step.kind is StepKind.BAKE for step in rollout.steps):
            message = f"`steps` of `{rollout.endpoint_name}` have no `bake` in a stack marked production"
            remedy = "End with `bake: 10m`: the old deployment stays warm, and what shows late goes back at once."
            yield warning_at(where(rollout, "steps"), message, remedy, "rollout-bake")

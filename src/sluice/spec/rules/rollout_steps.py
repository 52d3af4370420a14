"""Rules of a rollout's steps: each is one thing, and their order leads forward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at, warning_at
from sluice.spec.nodes import MapNode, Node, dig, mark_of, text
from sluice.spec.quantities import percent, seconds
from sluice.spec.rollout import Rollout, StepKind
from sluice.spec.rollout_nodes import HELD, StepNode, step_nodes
from sluice.spec.typed import listed

_ALL = ", ".join(f"`{kind}`" for kind in StepKind)
_BESIDE = frozenset({"analysis", "says"})
_MOST_AT_FIRST = 50


def one_thing(node: Node) -> Iterator[Diagnostic]:
    """A step has one step key; `hold` stands beside those that route, and nowhere else."""
    for step in step_nodes(node):
        at, name = mark_of(node, *step.path()), f"`{dotted(step.path())}`"
        if not step.kinds and step.node.entries.keys() <= _BESIDE:  # an unknown key may be a misspelled one
            yield error_at(at, f"{name} says nothing to do", f"Give it one of {_ALL}.", "rollout-step")
        for kind in step.kinds[1:]:
            at = mark_of(node, *step.path(kind))
            message = f"`{dotted(step.path(kind))}` stands beside `{step.kind}`; a step is one of them"
            yield error_at(at, message, f"Make `{kind}` a step of its own.", "rollout-step")


def pauses(node: Node) -> Iterator[Diagnostic]:
    """A pause has no length: it lasts until it is promoted."""
    for step in step_nodes(node):
        body, name = step.body, f"`{dotted(step.path('pause'))}`"
        if step.kind is not StepKind.PAUSE or body is None:
            continue
        said = text(body)
        if said and seconds(body) is not None:
            message = f"{name} waits until it is promoted, and says `{said}`: it is no length of time"
            yield warning_at(body.at, message, f"For a time write `hold: {said}`.", "rollout-step")
        if said and dig(step.node, "says"):
            message = f"`{dotted(step.path('says'))}` says nothing: `pause` has words of its own"
            yield error_at(mark_of(node, *step.path("says")), message, "Keep one of the two.", "rollout-step")


# Clients of HTTP send these by themselves, or the gateway asks for them.
_EVERYBODYS = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host",
        "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-request-id",
    }
)  # fmt: skip


def headers(node: Node) -> Iterator[Diagnostic]:
    """A header step says who is meant, and leaves alone the header that picks a deployment by its name."""
    for step in step_nodes(node):
        body = step.body
        if step.kind is not StepKind.HEADER or not isinstance(body, MapNode):
            continue
        path, at = step.path("header"), mark_of(node, *step.path("header"))
        if "name" not in body.entries and "cohort" not in body.entries:
            message = f"`{dotted(path)}` names neither a header (`name`) nor a part of the callers (`cohort`)"
            yield error_at(at, message, "Add `name`, or `cohort`, or both.", "rollout-header")
        elif "values" in body.entries and "name" not in body.entries:
            message = f"`{dotted((*path, 'values'))}` are values of no header: `name` is missing"
            yield error_at(mark_of(node, *path, "values"), message, "Add `name`.", "rollout-header")
        if (text(body, "name") or "").lower() == "azureml-model-deployment":
            message = f"`{dotted((*path, 'name'))}` is the header by which a caller picks any deployment"
            yield error_at(mark_of(node, *path, "name"), message, "Use another header.", "rollout-header")
        if (text(body, "name") or "").lower() in _EVERYBODYS and "values" not in body.entries:
            message = f"`{dotted((*path, 'name'))}` is a header that every request has: all callers would be meant"
            remedy = "Add `values`, or use a header of your own."
            yield error_at(mark_of(node, *path, "name"), message, remedy, "rollout-header")


def rising(node: Node) -> Iterator[Diagnostic]:
    """Weights rise: traffic goes back by an abort, not by a step."""
    reached = 0
    for step in step_nodes(node):
        weight = int(percent(step.body) or 0) if step.kind is StepKind.WEIGHT else 0
        if not weight or step.body is None:
            continue
        if weight <= reached:
            name = f"`{dotted(step.path('weight'))}`"
            message = f"{name} is {weight} after {reached}: weights rise from step to step"
            remedy = "Take it out, or put the weights in order. What takes traffic back is `sluice rollout abort`."
            yield error_at(step.body.at, message, remedy, "rollout-order")
        reached = max(reached, weight)


def copies_first(node: Node) -> Iterator[Diagnostic]:
    """Copies go to a deployment without live traffic (Azure, "mirror traffic"), callers are picked before 100 %."""
    reached = 0
    for step in step_nodes(node):
        if step.kind is StepKind.WEIGHT:
            reached = max(reached, int(percent(step.body) or 0))
        at = mark_of(node, *step.path(step.kind or ""))
        if step.kind is StepKind.MIRROR and reached:
            message = f"`{dotted(step.path('mirror'))}` comes after the weight {reached}; what has live traffic gets no"
            yield error_at(at, f"{message} copies", "Put it before the first weight.", "rollout-order")
        if step.kind is StepKind.HEADER and reached == 100:
            message = f"`{dotted(step.path('header'))}` comes after the weight 100, which all callers reach"
            yield error_at(at, message, "Put it before the last weight.", "rollout-order")


def bake_last(node: Node) -> Iterator[Diagnostic]:
    """What is baked is done: the bake ends the walk."""
    steps = list(step_nodes(node))
    for step in steps[:-1]:
        if step.kind is StepKind.BAKE:
            message = f"`{dotted(step.path('bake'))}` is not the last step; after it, the walk is over"
            remedy = "Put it at the end. What waits between two steps is `hold`."
            yield error_at(mark_of(node, *step.path("bake")), message, remedy, "rollout-order")


def pause_last(node: Node) -> Iterator[Diagnostic]:
    """A pause at the end, before all traffic went over, is followed by 100 % and by nothing that watches it."""
    steps = list(step_nodes(node))
    if not steps or steps[-1].kind is not StepKind.PAUSE or _reached(steps) == 100:
        return
    at = mark_of(node, *steps[-1].path("pause"))
    message = f"`{dotted(steps[-1].path('pause'))}` is the last step: once promoted, all traffic goes over and nothing"
    yield warning_at(at, f"{message} is watched", "Add `weight: 100` and a `bake`.", "rollout-order")


def deadline(node: Node) -> Iterator[Diagnostic]:
    """The deadline leaves time for all that the steps hold."""
    limit = seconds(node, "deadline")
    limit = Rollout.deadline_s if limit is None else limit
    held = sum(_held(step) for step in step_nodes(node))
    if held < limit or not held:
        return
    key = "deadline" if dig(node, "deadline") else "steps"
    allowed = "the walk may take" if key == "deadline" else "without a `deadline` the walk may take"
    message = f"`{key}`: the steps hold for {held:g} s; {allowed} {limit:g} s"
    remedy = "Give it a later deadline, or hold for shorter. Pauses and the bake don't count."
    yield error_at(mark_of(node, key), message, remedy, "rollout-deadline")


def _held(step: StepNode) -> float:
    if step.kind is StepKind.HOLD:
        return seconds(step.body) or 0.0
    return seconds(step.node, "hold") or 0.0 if step.kind in HELD else 0.0


def first_weight(node: Node) -> Iterator[Diagnostic]:
    """The first step with live traffic is a small one: more than half of all callers is no trial."""
    weights = [step for step in step_nodes(node) if step.kind is StepKind.WEIGHT]
    first = next(iter(weights), None)
    weight = int(percent(first.body) or 0) if first else 100
    if weight <= _MOST_AT_FIRST or not listed(node, "steps"):
        return
    name, at = ("steps", mark_of(node, "steps"))
    if first and first.body:
        name, at = dotted(first.path("weight")), first.body.at
    message = f"`{name}`: the first weight is {weight}: most callers meet at once what nobody has tried"
    remedy = f"Begin with {_MOST_AT_FIRST} or less, for example `weight: 10`."
    yield warning_at(at, message, remedy, "rollout-first-weight")


def _reached(steps: Sequence[StepNode]) -> int:
    return max((int(percent(step.body) or 0) for step in steps if step.kind is StepKind.WEIGHT), default=0)


RULES = (one_thing, pauses, headers, rising, copies_first, bake_last, pause_last, deadline, first_weight)

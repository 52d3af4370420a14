"""A walk that has not begun, in words: its steps, what it is judged by, how long it lasts at least. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from sluice.rollout.machine import routing
from sluice.rollout.models import Metric, MetricKind, Step, Walk
from sluice.rollout.show import does
from sluice.rollout.show_text import limits
from sluice.rollout.show_words import WIDTH, Line, aligned, cleaned, duration, percent, shortened, weights_of, wrapped
from sluice.spec.rollout import Compare, Evaluate, Limits, Load, OnFailure, Rollout, StepKind, Webhook, Work

Json = dict[str, Any]
_COMPARED = {
    Compare.VALUE: "",
    Compare.DIFFERENCE: " (less the stable deployment's)",
    Compare.RATIO: " (over the stable deployment's)",
}


def walk_lines(walk: Walk, rollout: Rollout) -> list[Line]:
    """Return what a walk would do, as lines of at most 80 columns."""
    return [
        Line(f"{walk.endpoint}  {walk.blue} -> {walk.green}", "head"),
        *_wrapped(f"from {weights_of(walk.stable)} to {weights_of(walk.goal)}", 2),
        Line(""),
        Line("STEPS", "head"),
        *_steps(walk, rollout),
        Line(""),
        Line("METRICS", "head"),
        *_metrics(walk),
        Line(""),
        *_times(walk, rollout),
        *_wrapped(_on_failure(walk), 2),
    ]


def plain_walk(walk: Walk, rollout: Rollout) -> Json:
    """Return the same as JSON: a shape that scripts rely on. Durations are seconds."""
    return {
        "endpoint": walk.endpoint,
        "stable_deployment": walk.blue,
        "green_deployment": walk.green,
        "stable": dict(walk.stable),
        "goal": dict(walk.goal),
        "steps": [_plain_step(walk, index) for index in range(len(walk.steps))],
        "metrics": [_plain_metric(metric, walk) for metric in walk.metrics],
        "at_least_seconds": held_s(walk),
        "waits_for_people": _pauses(walk) > 0,
        "deadline_seconds": walk.deadline_s,
        "fast_track_seconds": rollout.fast_track_s,
        "on_failure": str(walk.on_failure),
    }


def held_s(walk: Walk) -> float:
    """Return the least time a walk takes, in seconds: its holds and the bake, without pauses and the work of steps."""
    return sum(step.hold_s for step in walk.steps)


def meaning(metric: Metric, walk: Walk) -> str:
    """Return what a metric asks, in words."""
    about = f"{metric.name} ({metric.about})" if metric.about not in {"", metric.name} else metric.name
    if metric.kind is MetricKind.WORSE_THAN_STABLE:
        beyond = f" by more than {percent(metric.tolerance)}" if metric.tolerance else ""
        return f"{about}: a greater share of {walk.green}'s requests than of {walk.blue}'s{beyond} stops it"
    if metric.kind is MetricKind.OVER_LIMIT:
        return f"{about}: more than {percent(metric.high or 0.0)} of {walk.green}'s requests stops it"
    allowed = metric.failures_allowed
    forgiven = f"; {allowed} readings outside in a row are allowed" if allowed else ""
    return f"{about}: {limits(metric.low, metric.high)}{forgiven}"


def work_words(work: Work, walk: Walk) -> str:
    """Return what the work of a step is, in words; never an address, which may be secret."""
    if isinstance(work, Evaluate):
        return _evaluation(work)
    if isinstance(work, Webhook):
        return f"asks another system ({work.method}), for at most {duration(work.wait_s)}"
    if isinstance(work, Load) and work.live:
        return f"{work.rate:g} requests a second by the weights from here to the end of the rollout; judged like all"
    if isinstance(work, Load):
        return f"{work.requests} requests to {walk.green}, {work.rate:g} a second; {_most_failures(work)}"
    at_least = f"mean at least {work.mean_at_least:g}, worst at least {work.worst_at_least:g}"
    return f"the same requests to {walk.blue} and {walk.green}, answers compared ({work.likeness}): {at_least}"


def _evaluation(work: Evaluate) -> str:
    what = shlex.join(work.command) if work.command else "asks an address"
    times = f", {work.repeats} times each case" if work.repeats > 1 else ""
    gates = [f"{gate.metric} {_bounds(gate.mean, gate.worst)}" for gate in work.gates]
    return f"{what}{times}: {'; '.join(gates) or 'no gate'}"


def _bounds(mean: Limits, worst: Limits) -> str:
    said = [
        f"{name} {limits(one.at_least, one.at_most)}{_COMPARED[one.compare]}"
        for name, one in (("mean", mean), ("worst case", worst))
        if one.at_least is not None or one.at_most is not None
    ]
    return ", ".join(said) or "without a limit"


def _most_failures(work: Load) -> str:
    allowed = work.failures_allowed
    return f"at most {percent(allowed)} may fail" if allowed else "none may fail"


def _steps(walk: Walk, rollout: Rollout) -> Iterator[Line]:
    rows = [(i + 1, does(walk, step), _changes(walk, i), _hold(step)) for i, step in enumerate(walk.steps)]
    texts = aligned(rows, frozenset({0})) if rows else []
    for step, text in zip(walk.steps, texts, strict=True):
        yield Line(shortened(f"  {text}", WIDTH))
        yield from _wrapped(_more(walk, step, rollout), 7)


def _changes(walk: Walk, index: int) -> str:
    """Return a step's weights where it sets them."""
    return weights_of(routing(walk, index).weights) if walk.steps[index].kind is StepKind.WEIGHT else ""


def _hold(step: Step) -> str:
    return f"held {duration(step.hold_s)}" if step.hold_s else ""


def _more(walk: Walk, step: Step, rollout: Rollout) -> str:
    work = rollout.steps[step.source].work if step.source is not None else None
    said = [cleaned(step.says), cleaned(work_words(work, walk)) if work else ""]
    return "; ".join(part for part in said if part)


def _metrics(walk: Walk) -> Iterator[Line]:
    if not walk.metrics:
        yield Line("  none: nothing is measured, only time passes", "wait")
    for metric in walk.metrics:
        yield from _wrapped(meaning(metric, walk), 4, "  - ")
        yield from _wrapped(_needs(metric, walk), 4)


def _needs(metric: Metric, walk: Walk) -> str:
    where = f"in step {', '.join(str(index + 1) for index in metric.steps)}" if metric.steps else "in every step"
    if metric.kind is MetricKind.LIMIT:
        return f"judged {where}; without a reading it never passes"
    alarm = f"a good one is stopped with a chance of at most {percent(metric.alpha)}"
    return f"judged {where}, from {metric.least_requests} requests of {walk.green} on; {alarm}"


def _times(walk: Walk, rollout: Rollout) -> Iterator[Line]:
    pauses, works = _pauses(walk), sum(1 for step in walk.steps if _has_work(step, rollout))
    more = [f"{pauses} pause{'s' * (pauses > 1)}"] * bool(pauses)
    more += [f"the work of {works} step{'s' * (works > 1)}"] * bool(works)
    beside = f", and {' and '.join(more)}" if more else ""
    yield from _wrapped(f"lasts at least {duration(held_s(walk))}{beside}", 2)
    yield from _wrapped(f"deadline: {duration(walk.deadline_s)} without pauses and the bake", 2)
    if rollout.fast_track_s:
        within = duration(rollout.fast_track_s)
        yield from _wrapped(f"a version that was seen good within {within} goes straight to the goal", 2)


def _has_work(step: Step, rollout: Rollout) -> bool:
    return step.source is not None and rollout.steps[step.source].work is not None


def _pauses(walk: Walk) -> int:
    return sum(step.kind is StepKind.PAUSE for step in walk.steps)


def _on_failure(walk: Walk) -> str:
    if walk.on_failure is OnFailure.HOLD:
        return "when a gate fails: it holds there, until someone says retry or abort"
    return f"when a gate fails: back to {weights_of(walk.stable)}"


def _wrapped(text: str, indent: int, first: str = "") -> Iterator[Line]:
    yield from (Line(line) for line in wrapped(text, indent, first))


def _plain_step(walk: Walk, index: int) -> Json:
    step, routed = walk.steps[index], routing(walk, index)
    return {
        "step": index + 1,
        "kind": str(step.kind),
        "does": does(walk, step),
        "weights": dict(routed.weights),
        "mirror": dict(routed.mirror),
        "hold_seconds": step.hold_s,
    }


def _plain_metric(metric: Metric, walk: Walk) -> Json:
    return {
        "name": metric.name,
        "kind": str(metric.kind),
        "means": meaning(metric, walk),
        "steps": [index + 1 for index in metric.steps] or "all",
        "requests_needed": None if metric.kind is MetricKind.LIMIT else metric.least_requests,
        "false_alarm": None if metric.kind is MetricKind.LIMIT else metric.alpha,
    }

"""Rules of what a rollout's steps do: evaluations, webhooks, load and parity, and what is recorded for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at, warning_at
from sluice.spec.nodes import MapNode, Node, Step, dig, mark_of, text
from sluice.spec.quantities import number, share
from sluice.spec.rollout import Likeness, StepKind
from sluice.spec.rollout_nodes import step_nodes
from sluice.spec.rules.paths import absent
from sluice.spec.rules.rollout_metrics import contradiction
from sluice.spec.typed import flag, listed

_LIMITS = ("at_least", "at_most", "worst_at_least", "worst_at_most")


def sources(node: Node) -> Iterator[Diagnostic]:
    """What a step works with is given once: an evaluation's command or address, the requests to send."""
    for path, body in _bodies(node, StepKind.EVALUATE):
        yield from _one_of(node, path, body, "command", "url")
        if "headers" in body.entries and "url" not in body.entries:
            message = f"`{dotted((*path, 'headers'))}` are sent to no one: `url` is missing"
            yield error_at(mark_of(node, *path, "headers"), message, "Remove them.", "rollout-source")
    for kind in (StepKind.LOAD, StepKind.PARITY):
        for path, body in _bodies(node, kind):
            yield from _one_of(node, path, body, "data", "recorded")


def _one_of(node: Node, path: tuple[Step, ...], body: MapNode, one: str, other: str) -> Iterator[Diagnostic]:
    given = [key for key in (one, other) if key in body.entries and not _is_off(body, key)]
    if not given:
        message = f"`{dotted(path)}` has neither `{one}` nor `{other}`"
        yield error_at(mark_of(node, *path), message, f"Add one of the two: {_MEANS[one]}.", "rollout-source")
    if len(given) == 2:
        message = f"`{dotted((*path, other))}` stands beside `{one}`"
        yield error_at(mark_of(node, *path, other), message, "Keep one of the two.", "rollout-source")


_MEANS = {
    "command": "a command to run, or an address to ask",
    "data": "a file of requests, or recorded ones",
}


def _is_off(body: MapNode, key: str) -> bool:
    return key == "recorded" and dig(body, key) is not None and not flag(body, key) and number(body, key) is None


def recorded(node: Node) -> Iterator[Diagnostic]:
    """Recorded requests are there where something records."""
    for kind in (StepKind.LOAD, StepKind.PARITY):
        for path, body in _bodies(node, kind):
            if "recorded" in body.entries and not _is_off(body, "recorded") and dig(node, "record") is None:
                message = f"`{dotted((*path, 'recorded'))}`: nothing is recorded without `record`"
                remedy = "Add `record: {percent: 1%}` at the top of the file, or name a file as `data`."
                yield error_at(mark_of(node, *path, "recorded"), message, remedy, "rollout-record")


def live(node: Node) -> Iterator[Diagnostic]:
    """A load that is live has no end and no verdict of its own: the rollout ends it, its gates judge the requests."""
    for path, body in _bodies(node, StepKind.LOAD):
        for key in ("requests", "failures_allowed"):
            if flag(body, "live") and key in body.entries:
                message = f"`{dotted((*path, key))}` means nothing beside `live: true`"
                remedy = "Remove it: a live load goes on until the rollout has ended, and `analysis` judges it."
                yield error_at(mark_of(node, *path, key), message, remedy, "rollout-live")


def gates(node: Node) -> Iterator[Diagnostic]:
    """A gate has limits that can be kept, and something to compare with."""
    for path, body in _bodies(node, StepKind.EVALUATE):
        named: set[str] = set()
        for index, gate in enumerate(listed(body, "gates")):
            at = (*path, "gates", index)
            yield from _limits(node, at, gate)
            yield from _confidence(at, gate)
            if text(gate, "compare") in {"difference", "ratio"} and not flag(body, "paired", default=True):
                message = f"`{dotted((*at, 'compare'))}` has nothing to compare with: `paired` is false"
                remedy = "Leave `paired` out: then the stable deployment is evaluated, too."
                yield error_at(mark_of(node, *at, "compare"), message, remedy, "rollout-compare")
            metric = text(gate, "metric") or ""
            if metric in named:
                message = f"`{dotted((*at, 'metric'))}`: there is a gate for `{metric}` already"
                yield error_at(mark_of(node, *at, "metric"), message, "Write their limits in one gate.", "duplicate")
            named.add(metric)


def _limits(node: Node, path: tuple[Step, ...], gate: Node) -> Iterator[Diagnostic]:
    if not any(dig(gate, key) for key in _LIMITS):
        message = f"`{dotted(path)}` has no limit"
        remedy = f"Add one or more of {', '.join(f'`{key}`' for key in _LIMITS)}."
        yield error_at(mark_of(node, *path), message, remedy, "rollout-limits")
    for prefix in ("", "worst_"):
        low, high = number(gate, f"{prefix}at_least"), number(gate, f"{prefix}at_most")
        yield from contradiction(node, (*path, f"{prefix}at_least"), low, high)


def _confidence(path: tuple[Step, ...], gate: Node) -> Iterator[Diagnostic]:
    found, written = share(gate, "confidence"), dig(gate, "confidence")
    if found is not None and written and not 0.5 < found < 1:
        message = f"`{dotted((*path, 'confidence'))}` must be over 50 % and under 100 %, found {found * 100:g} %"
        yield error_at(written.at, message, "Write `95%`, for example.", "range")


_USED_BY = {"fields": (Likeness.FIELDS, Likeness.SIMILARITY), "command": (Likeness.COMMAND,)}


def likeness(node: Node) -> Iterator[Diagnostic]:
    """What answers are compared by is there, and is used."""
    for path, body in _bodies(node, StepKind.PARITY):
        said = text(body, "compare")
        for key, used_by in _USED_BY.items():
            there = key in body.entries
            if said == used_by[0] and not there:
                message = f"`{dotted((*path, 'compare'))}` is {said}, and `{key}` is missing"
                yield error_at(mark_of(node, *path, "compare"), message, f"Add `{key}`.", "rollout-compare")
            if there and said is not None and said not in used_by:
                message = f"`{dotted((*path, key))}` does nothing: answers are compared by `compare: {said}`"
                yield error_at(mark_of(node, *path, key), message, "Remove one of the two.", "rollout-compare")
        if said is None and {"fields", "command"} <= body.entries.keys():
            message = f"`{dotted((*path, 'command'))}` stands beside `fields`"
            yield error_at(mark_of(node, *path, "command"), message, "Keep one of the two.", "rollout-compare")


def worst_over_mean(node: Node) -> Iterator[Diagnostic]:
    """A mean is never under the worst case: a lower limit for the mean does nothing."""
    for path, body in _bodies(node, StepKind.PARITY):
        mean, worst = number(body, "mean_at_least"), number(body, "worst_at_least")
        if mean is not None and worst is not None and worst > mean:
            message = f"`{dotted((*path, 'mean_at_least'))}` is under `worst_at_least`, and so does nothing"
            yield warning_at(mark_of(node, *path, "mean_at_least"), message, "Exchange the two.", "rollout-limits")


def data_files(node: Node, root: Path) -> Iterator[Diagnostic]:
    """Files of requests exist."""
    for kind in (StepKind.LOAD, StepKind.PARITY):
        for path, _ in _bodies(node, kind):
            yield from absent(node, root, "file", *path, "data")


def _bodies(node: Node, kind: StepKind) -> Iterator[tuple[tuple[Step, ...], MapNode]]:
    """Yield path and value of each step of a kind that is written as a mapping."""
    for step in step_nodes(node):
        if step.kind is kind and isinstance(step.body, MapNode):
            yield step.path(kind), step.body


RULES = (sources, recorded, live, gates, likeness, worst_over_mean)
FILE_RULES = (data_files,)

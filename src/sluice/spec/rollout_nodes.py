"""The steps and metrics of a rollout.yaml as nodes, for whoever reads them: the builder and the rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sluice.spec.nodes import ListNode, MapNode, Node, Step, dig, text
from sluice.spec.quantities import percent
from sluice.spec.rollout import Measure, StepKind

HELD = frozenset({StepKind.WEIGHT, StepKind.MIRROR, StepKind.HEADER})
"""The kinds of steps that `hold` may stand beside."""
OUTSIDE = (Measure.PROMETHEUS, Measure.HTTP, Measure.COMMAND)
"""Sources of a metric that is not the data plane's."""
QUANTILE = 95
"""Of latency, in percent, where the file does not say it."""


class StepNode(NamedTuple):
    """A step: its place in the list, its node, and the step keys in it, in the order of the file.

    `hold` beside a kind that lasts is no step key of its own.
    """

    place: int
    node: MapNode
    kinds: tuple[StepKind, ...]

    @property
    def kind(self) -> StepKind | None:
        """The step's kind where it has one."""
        return self.kinds[0] if self.kinds else None

    @property
    def body(self) -> Node | None:
        """The value of the step key."""
        return self.node.get(self.kind) if self.kind else None

    def path(self, *below: Step) -> tuple[Step, ...]:
        """The path to a key of the step from the top of the file."""
        return ("steps", self.place, *below)


class MetricNode(NamedTuple):
    """An item of an `analysis`: its path from the top of the file, and what it measures, where that is clear."""

    path: tuple[Step, ...]
    node: MapNode
    measures: tuple[Measure, ...]

    @property
    def measure(self) -> Measure | None:
        """What it measures, where it says one thing."""
        return self.measures[0] if len(self.measures) == 1 else None

    @property
    def step(self) -> int | None:
        """The step it belongs to; None where it is judged all through."""
        return int(self.path[1]) if self.path[0] == "steps" else None


def step_nodes(node: Node) -> Iterator[StepNode]:
    """Yield the steps of a rollout that are mappings."""
    for index, item in enumerate(_items(dig(node, "steps"))):
        if isinstance(item, MapNode):
            yield StepNode(index, item, _kinds(item))


def _kinds(item: MapNode) -> tuple[StepKind, ...]:
    found = [StepKind(key) for key in item.entries if key in set(StepKind)]
    if HELD & set(found):
        found = [kind for kind in found if kind is not StepKind.HOLD]
    return tuple(found)


def metric_nodes(node: Node) -> Iterator[MetricNode]:
    """Yield the metrics of a rollout: those judged all through, then those of each step."""
    yield from _metrics(("analysis",), dig(node, "analysis"))
    for step in step_nodes(node):
        yield from _metrics(step.path("analysis"), step.node.get("analysis"))


def _metrics(path: tuple[Step, ...], listed: Node | None) -> Iterator[MetricNode]:
    for index, item in enumerate(_items(listed)):
        if isinstance(item, MapNode):
            yield MetricNode((*path, index), item, tuple(_measures(item)))


def _measures(item: MapNode) -> Iterator[Measure]:
    if (named := text(item, "metric")) in set(Measure):
        yield Measure(named)
    yield from (source for source in OUTSIDE if source in item.entries)


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, ListNode) else ()


def metric_name(metric: MetricNode) -> str:
    """Return a metric's name: the written one, or for one of the data plane `errors`, `latency_p95`, `tokens@2`.

    What stands behind `@` is the number of the step, counted from 1, that it belongs to.
    """
    if written := text(metric.node, "name"):
        return written
    measure = metric.measure or Measure.COMMAND
    quantile = percent(metric.node, "quantile")
    tail = f"_p{QUANTILE if quantile is None else quantile:g}" if measure is Measure.LATENCY else ""
    return f"{measure}{tail}" + ("" if metric.step is None else f"@{metric.step + 1}")

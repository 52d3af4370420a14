"""What a rollout is judged by, from the items of its `analysis`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sluice.errors import Mark
from sluice.spec.nodes import Node, dig, text, whole
from sluice.spec.quantities import number, seconds, share
from sluice.spec.rollout import Ask, Compare, Limits, Measure, MetricRule
from sluice.spec.rollout_nodes import QUANTILE, MetricNode, metric_name
from sluice.spec.typed import address, default, flag, headers, texts

# What is not worth stopping for where the file does not say: half a percentage point of errors, a fifth of latency.
_WORSE_BY: Final = {Measure.ERRORS: 0.005, Measure.LATENCY: 0.2}


def default_metrics(at: Mark) -> tuple[MetricRule, ...]:
    """Return what a rollout is judged by that says nothing of it; `at` is where it stands."""
    return (
        MetricRule(Measure.ERRORS, Measure.ERRORS, at, worse_by=_WORSE_BY[Measure.ERRORS]),
        MetricRule(f"latency_p{QUANTILE}", Measure.LATENCY, at, QUANTILE / 100, worse_by=_WORSE_BY[Measure.LATENCY]),
    )


def build_metric(metric: MetricNode, measure: Measure) -> MetricRule:
    """Return the rule that an item of an `analysis` says; `measure` is what it measures."""
    node = metric.node
    return MetricRule(
        name=metric_name(metric),
        measure=measure,
        at=node.at,
        quantile=default(share(node, "quantile"), QUANTILE / 100),
        worse_by=default(share(node, "worse_by"), _WORSE_BY.get(measure, 0.0)),
        limits=_limits(node, measure),
        false_alarm=default(share(node, "false_alarm"), MetricRule.false_alarm),
        least_requests=default(whole(node, "least_requests"), MetricRule.least_requests),
        failures_allowed=default(whole(node, "failures_allowed"), MetricRule.failures_allowed),
        relative=flag(node, "relative", default=MetricRule.relative),
        ask=_ask(node, measure),
    )


def _limits(node: Node, measure: Measure) -> Limits:
    compare = Compare(text(node, "compare") or Compare.VALUE)
    return Limits(limit(dig(node, "at_least"), measure), limit(dig(node, "at_most"), measure), compare)


def limit(node: Node | None, measure: Measure) -> float | None:
    """Return a limit in the unit of its metric: a share of errors, milliseconds of latency, else the number.

    None where there is none, or one of another unit.
    """
    if measure is Measure.ERRORS:
        return share(node)
    if measure is Measure.LATENCY:
        found = seconds(node)
        return None if found is None else found * 1000
    return number(node)


def _ask(node: Node, measure: Measure) -> Ask:
    interval, timeout = seconds(node, "interval"), seconds(node, "timeout")
    return replace(
        _source(node, measure),
        interval_s=default(interval, Ask.interval_s),
        timeout_s=default(timeout, Ask.timeout_s),
    )


def _source(node: Node, measure: Measure) -> Ask:
    if measure is Measure.PROMETHEUS and (source := dig(node, "prometheus")):
        return Ask(address(source, "address"), text(source, "query") or "", headers=headers(source, "headers"))
    if measure is Measure.HTTP and (source := dig(node, "http")):
        return Ask(address(source, "url"), path=text(source, "path") or "", headers=headers(source, "headers"))
    if measure is Measure.COMMAND:
        return Ask(path=text(node, "path") or "", command=texts(node, "command"))
    return Ask()

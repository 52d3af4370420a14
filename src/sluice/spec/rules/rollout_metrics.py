"""Rules of what a rollout is judged by: the items of its `analysis`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.spec.build_metric import limit
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at, warning_at
from sluice.spec.nodes import MapNode, Node, Step, dig, items, mark_of, text
from sluice.spec.quantities import has_unit, percent, seconds
from sluice.spec.references import secret_reference
from sluice.spec.rollout import Compare, Measure
from sluice.spec.rollout_nodes import OUTSIDE, MetricNode, metric_name, metric_nodes
from sluice.spec.typed import flag

_COUNTED = frozenset({
    "metric", "name", "worse_by", "at_most", "false_alarm", "least_requests", "relative",
})  # fmt: skip
_NUMBER = frozenset({"name", "at_least", "at_most", "compare", "failures_allowed"})
_ASKED = _NUMBER | {"interval", "timeout"}
_KEYS: Mapping[Measure, frozenset[str]] = {
    Measure.ERRORS: _COUNTED,
    Measure.LATENCY: _COUNTED | {"quantile"},
    Measure.TOKENS: _NUMBER | {"metric", "least_requests"},
    Measure.PROMETHEUS: _ASKED | {"prometheus"},
    Measure.HTTP: _ASKED | {"http"},
    Measure.COMMAND: _ASKED | {"command", "path"},
}
_KNOWN = frozenset[str]().union(*_KEYS.values())
_RELATIVE = frozenset({Measure.ERRORS, Measure.LATENCY})
_PLACE = "${deployment}"
_LONG_S = 100


def sources(node: Node) -> Iterator[Diagnostic]:
    """A metric has one source; one from outside has a name, too."""
    for metric in metric_nodes(node):
        at, name = mark_of(node, *metric.path), f"`{dotted(metric.path)}`"
        if not metric.measures and "metric" not in metric.node.entries:
            remedy = "Add `metric: errors`, `latency` or `tokens`, or a source: `prometheus`, `http` or `command`."
            yield error_at(at, f"{name} has no source", remedy, "rollout-source")
        for other in metric.measures[1:]:
            key = other if other in OUTSIDE else "metric"
            message = f"`{dotted((*metric.path, key))}` is a second source beside `{metric.measures[0]}`"
            yield error_at(mark_of(node, *metric.path, key), message, "Make it a metric of its own.", "rollout-source")
        if metric.measure in OUTSIDE and not text(metric.node, "name"):
            message = f"`{dotted((*metric.path, 'name'))}` is missing; a metric from outside needs it"
            yield error_at(at, message, "Give it a name: messages and history call it so.", "required")


def own_keys(node: Node) -> Iterator[Diagnostic]:
    """Each sort of metric has keys of its own."""
    for metric in metric_nodes(node):
        if (measure := metric.measure) is None:
            continue
        for key in metric.node.entries.keys() & _KNOWN - _KEYS[measure]:
            message = f"`{dotted((*metric.path, key))}` is no key of a metric of the sort {measure}"
            remedy = f"Keys of this sort: {', '.join(sorted(_KEYS[measure]))}."
            if key == "worse_by":
                remedy = "To hold it against the stable deployment write `compare: ratio` and `at_most: 1.2`."
            yield error_at(mark_of(node, *metric.path, key), message, remedy, "unknown-key")


def names(node: Node) -> Iterator[Diagnostic]:
    """Names of metrics are unique: messages, history and the log know them by these."""
    first: dict[str, str] = {}
    for metric in metric_nodes(node):
        if metric.measure is None:
            continue
        name, shown = metric_name(metric), dotted(metric.path)
        if name in first:
            key = "name" if text(metric.node, "name") else "metric"
            message = f"`{dotted((*metric.path, key))}`: `{first[name]}` has the name `{name}` already"
            yield error_at(mark_of(node, *metric.path, key), message, "Give it a `name` of its own.", "duplicate")
        first.setdefault(name, shown)


def limits(node: Node) -> Iterator[Diagnostic]:
    """A metric has a limit, in its own unit, that can be kept."""
    for metric in metric_nodes(node):
        if (measure := metric.measure) is None:
            continue
        yield from _needed(node, metric, measure)
        for key in ("at_least", "at_most"):
            yield from _unit(node, (*metric.path, key), measure)
        low, high = (limit(dig(metric.node, key), measure) for key in ("at_least", "at_most"))
        yield from contradiction(node, (*metric.path, "at_least"), low, high)


def _needed(node: Node, metric: MetricNode, measure: Measure) -> Iterator[Diagnostic]:
    at, entries = mark_of(node, *metric.path), metric.node.entries
    if measure not in _RELATIVE:
        if not {"at_least", "at_most"} & entries.keys():
            yield error_at(
                at, f"`{dotted(metric.path)}` has no limit", "Add `at_least` or `at_most`.", "rollout-limits"
            )
    elif not flag(metric.node, "relative", default=True):
        if "at_most" not in entries:
            message = f"`{dotted((*metric.path, 'relative'))}` is false, and `at_most` is missing: it judges nothing"
            remedy = "Add `at_most`, or remove `relative`."
            yield error_at(mark_of(node, *metric.path, "relative"), message, remedy, "rollout-limits")
        if "worse_by" in entries:
            message = f"`{dotted((*metric.path, 'worse_by'))}` does nothing beside `relative: false`"
            remedy = "Remove one of the two."
            yield error_at(mark_of(node, *metric.path, "worse_by"), message, remedy, "rollout-limits")


def _unit(node: Node, path: tuple[Step, ...], measure: Measure) -> Iterator[Diagnostic]:
    """A limit has the unit of its metric."""
    found = dig(node, *path)
    if found is None or limit(found, measure) is not None:
        return
    wanted = {Measure.ERRORS: "a percentage such as `5%`", Measure.LATENCY: "a time such as `2s` or `800ms`"}
    message = f"`{dotted(path)}` of {measure} must be {wanted.get(measure, 'a plain number')}, found `{text(found)}`"
    yield error_at(found.at, message, "Write it in the metric's own unit.", "rollout-unit")


def contradiction(node: Node, path: tuple[Step, ...], low: float | None, high: float | None) -> Iterator[Diagnostic]:
    """Yield an error where nothing lies between two limits; `path` leads to the lower one."""
    if low is not None and high is not None and low > high:
        name = str(path[-1])
        message = f"`{dotted(path)}` is over `{name.replace('least', 'most')}`: no number keeps both limits"
        yield error_at(mark_of(node, *path), message, "Exchange the two, or correct one.", "rollout-limits")


def ranges(node: Node) -> Iterator[Diagnostic]:
    """Chances and quantiles lie where they mean something."""
    for metric in metric_nodes(node):
        for key, low, high, example in (("false_alarm", 0, 50, "1%"), ("quantile", 1, 100, "95")):
            found, written = percent(metric.node, key), metric.node.get(key)
            if found is not None and written and not low < found < high:
                message = f"`{dotted((*metric.path, key))}` must be over {low} % and under {high} %, found {found:g} %"
                yield error_at(written.at, message, f"Write `{example}`, for example.", "range")
        for key in ("worse_by", "at_most"):
            found, written = percent(metric.node, key), metric.node.get(key)
            if metric.measure is Measure.ERRORS and found is not None and written and not 0 <= found <= 100:
                message = f"`{dotted((*metric.path, key))}` of errors must be a share, 0 % to 100 %; found {found:g} %"
                yield error_at(written.at, message, "Write `0.5%`, for example.", "range")
        written = metric.node.get("at_most")
        if metric.measure is Measure.LATENCY and written and (found := seconds(written)) is not None and found <= 0:
            message = f"`{dotted((*metric.path, 'at_most'))}` of latency must be over 0, found {found:g} s"
            yield error_at(written.at, message, "Write `2s`, for example.", "range")


def long_latency(node: Node) -> Iterator[Diagnostic]:
    """A latency without a unit is one of seconds; one of minutes was probably meant in milliseconds."""
    for metric in metric_nodes(node):
        written = metric.node.get("at_most")
        found = seconds(written)
        if metric.measure is not Measure.LATENCY or written is None or found is None or found < _LONG_S:
            continue
        if not has_unit(written):
            message = f"`{dotted((*metric.path, 'at_most'))}` is {found:g} s: a number without a unit is one of seconds"
            remedy = f"Write `{found:g}ms`, or `{found:g}s` if that is meant."
            yield warning_at(written.at, message, remedy, "rollout-unit")


def both_deployments(node: Node) -> Iterator[Diagnostic]:
    """What is compared is asked of both deployments: the question has to name which one.

    A command is told by its environment, too; nothing is known of an address that is a secret reference.
    """
    for metric in metric_nodes(node):
        source = {Measure.PROMETHEUS: "prometheus", Measure.HTTP: "http"}.get(metric.measure or Measure.ERRORS)
        if source is None or text(metric.node, "compare") in {None, Compare.VALUE}:
            continue
        asked = metric.node.get(source)
        hidden = secret_reference(text(asked, "url") or text(asked, "address") or "", node.at)
        if not hidden and not any(_PLACE in (text(part) or "") for part in _texts(asked)):
            message = (
                f"`{dotted((*metric.path, 'compare'))}`: both deployments get the same question, without `{_PLACE}`"
            )
            remedy = f"Write `{_PLACE}` where the deployment's name belongs, in the query or the address."
            yield error_at(mark_of(node, *metric.path, "compare"), message, remedy, "rollout-compare")


def _texts(node: Node | None) -> Iterator[Node]:
    for _, entry in items(node):
        yield from _texts(entry.node) if isinstance(entry.node, MapNode) else (entry.node,)


def judges(node: Node) -> Iterator[Diagnostic]:
    """Something judges the new deployment against the stable one; without it a slow decline passes."""
    listed = dig(node, "analysis")
    if listed is None:
        return
    metrics = list(metric_nodes(node))
    at = mark_of(node, "analysis")
    if not metrics:
        remedy = "Remove the key: errors and latency are judged without it."
        yield warning_at(at, "`analysis` is empty: no metric judges this rollout", remedy, "rollout-unjudged")
    elif not any(_compares(metric) for metric in metrics):
        message = "`analysis` holds nothing against the stable deployment: a worse one passes within the limits"
        remedy = "Add `{metric: errors}`, or give a metric `compare: ratio`."
        yield warning_at(at, message, remedy, "rollout-unjudged")


def _compares(metric: MetricNode) -> bool:
    if metric.measure in _RELATIVE:
        return flag(metric.node, "relative", default=True)
    return metric.measure is None or text(metric.node, "compare") not in {None, Compare.VALUE}


RULES = (sources, own_keys, names, limits, ranges, long_latency, both_deployments, judges)

"""What Azure Monitor has measured of an endpoint: requests and latency by deployment, use of its machines, tokens.

Names, dimensions and grains: "Supported metrics" of Microsoft.MachineLearningServices/workspaces/onlineEndpoints and
.../deployments, and the table of prompt flow's standard metrics in Application Insights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from sluice.errors import NotFound
from sluice.spec.frozen import frozen_map
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.errors import AzureFailed

WINDOW_S: Final = 1800.0
_LATENCIES: Final = {"p50": "RequestLatency_P50", "p95": "RequestLatency_P95", "p99": "RequestLatency_P99"}
_USE: Final = {
    "cpu": "CpuUtilizationPercentage",
    "memory": "CpuMemoryUtilizationPercentage",
    "disk": "DiskUtilization",
    "gpu": "GpuUtilizationPercentage",
    "gpu_memory": "GpuMemoryUtilizationPercentage",
    "instances": "DeploymentCapacity",
}
_FLOWS: Final = {"tokens": "token_consumption", "requests": "flow_request", "latency": "flow_latency"}
_NAMESPACE: Final = "promptflow standard metrics"


@dataclass(frozen=True)
class Series:
    """Values of one metric: one a minute, oldest first, None where nothing was measured; `of` has its dimensions."""

    metric: str
    of: Mapping[str, str] = field(default_factory=frozen_map)
    values: tuple[float | None, ...] = ()

    @property
    def total(self) -> float:
        """Return the sum; minutes without a value count nothing."""
        return sum(value for value in self.values if value is not None)

    @property
    def last(self) -> float | None:
        """Return the newest value there is."""
        return next((value for value in reversed(self.values) if value is not None), None)

    @property
    def mean(self) -> float | None:
        """Return the mean of the values there are."""
        found = [value for value in self.values if value is not None]
        return sum(found) / len(found) if found else None


@dataclass(frozen=True)
class Query:
    """What is asked of Azure Monitor: metrics, apart by the dimensions `by`, for the last `window_s` seconds."""

    names: tuple[str, ...]
    by: tuple[str, ...] = ()
    window_s: float = WINDOW_S
    aggregation: str = "Average"
    namespace: str = ""

    def parameters(self, now: float) -> dict[str, str]:
        """Return it as the parameters of a URL; `now` in seconds since 1970."""
        split = {"$filter": " and ".join(f"{name} eq '*'" for name in self.by)} if self.by else {}
        space = {"metricnamespace": self.namespace} if self.namespace else {}
        told = {"metricnames": ",".join(self.names), "aggregation": self.aggregation, "interval": "PT1M"}
        told |= {"timespan": _timespan(now, self.window_s), **split, **space}
        return {key: quote(value, safe=",/:") for key, value in told.items()}


def read_series(arm: ArmClient, resource_id: str, query: Query) -> tuple[Series, ...]:
    """Return metrics of a resource. Azure Monitor is minutes behind. Raises as ArmClient does."""
    asked = query.parameters(arm.clock.now())
    answer = arm.get(f"{resource_id}/providers/Microsoft.Insights/metrics", **asked)
    return tuple(series_of(answer or {}, query.aggregation))


def series_of(answer: Mapping[str, Any], aggregation: str = "Average") -> Iterator[Series]:
    """Yield the series of Azure Monitor's answer; names of dimensions in lower case."""
    for metric in answer.get("value") or ():
        name = str((metric.get("name") or {}).get("value") or "")
        for one in metric.get("timeseries") or ():
            of = {str(told["name"]["value"]).lower(): str(told["value"]) for told in one.get("metadatavalues") or ()}
            values = tuple(point.get(aggregation.lower()) for point in one.get("data") or ())
            yield Series(name, frozen_map(of), values)


def _timespan(now: float, window_s: float) -> str:
    begin, end = (datetime.fromtimestamp(at // 60 * 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                  for at in (now - window_s, now))  # fmt: skip
    return f"{begin}/{end}"


def endpoint_metrics(arm: ArmClient, endpoint_id: str, deployments: Sequence[str]) -> dict[str, Any]:
    """Return what was measured of an endpoint in the last half hour, as `status --json` gives it.

    By deployment: requests by class of status (`2xx`), latency in milliseconds (mean of the minutes' percentiles), and
    the newest use in percent. `network_bytes` is for the endpoint as a whole, a second. What was not measured is None.
    """
    requests = read_series(arm, endpoint_id, Query(("RequestsPerMinute",), ("deployment", "statusCodeClass")))
    latency = read_series(arm, endpoint_id, Query(tuple(_LATENCIES.values()), ("deployment",)))
    network = read_series(arm, endpoint_id, Query(("NetworkBytes",)))
    by_deployment = {
        name: {
            "requests": _requests(requests, name),
            "latency_ms": _latency(latency, name),
            **_use(read_series(arm, f"{endpoint_id}/deployments/{name}", Query(tuple(_USE.values())))),
        }
        for name in deployments
    }
    bytes_ = next((one.last for one in network), None)
    return {"window_s": int(WINDOW_S), "network_bytes": bytes_, "deployments": by_deployment}


def flow_metrics(arm: ArmClient, insights_id: str) -> dict[str, dict[str, float | None]]:
    """Return prompt flow's own metrics by flow: tokens and requests (totals), latency (mean, in seconds).

    Empty where the flow never sent any: it does with `app_insights_enabled: true`, and Application Insights keeps
    their dimensions only where that is switched on.
    """
    found: dict[str, dict[str, float | None]] = {}
    for aggregation, kinds in (("Total", ("tokens", "requests")), ("Average", ("latency",))):
        for kind in kinds:
            for one in _flow_series(arm, insights_id, _FLOWS[kind], aggregation):
                told = found.setdefault(one.of.get("flow", "?"), {"tokens": None, "requests": None, "latency": None})
                told[kind] = one.mean if kind == "latency" else one.total
    return found


def _flow_series(arm: ArmClient, insights_id: str, name: str, aggregation: str) -> tuple[Series, ...]:
    try:
        return read_series(arm, insights_id, Query((name,), ("flow",), aggregation=aggregation, namespace=_NAMESPACE))
    except (AzureFailed, NotFound):
        return ()  # a namespace that nobody has written to is an error of the request to Azure Monitor


def _requests(series: Iterable[Series], deployment: str) -> dict[str, int]:
    mine = [one for one in series if one.of.get("deployment") == deployment]
    return {one.of.get("statuscodeclass", "?"): round(one.total) for one in mine}


def _latency(series: Iterable[Series], deployment: str) -> dict[str, float | None]:
    mine = {one.metric: one.mean for one in series if one.of.get("deployment") == deployment}
    return {short: mine.get(name) for short, name in _LATENCIES.items()}


def _use(series: Iterable[Series]) -> dict[str, float | None]:
    newest = {one.metric: one.last for one in series}
    return {short: newest.get(name) for short, name in _USE.items()}

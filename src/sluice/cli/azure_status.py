"""How an endpoint on Azure is, as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sluice.report import table

_NO_SIZE: Final = "the default size"


def text(endpoint: Mapping[str, Any]) -> str:
    """Return a described endpoint as text: its state, its deployments, why one failed, and what was measured."""
    return "\n".join([*_head(endpoint), _deployments(endpoint), *_causes(endpoint), *_metrics(endpoint)])


def _head(endpoint: Mapping[str, Any]) -> Iterator[str]:
    where = endpoint["url"] or "no address yet"
    yield f"{endpoint['name']}  {where}  auth {endpoint['auth_mode']}  {endpoint['state']}"
    yield f"  studio  {endpoint['studio']}"


def _deployments(endpoint: Mapping[str, Any]) -> str:
    rows = [
        (
            one["name"],
            f"{endpoint['traffic'].get(one['name'], 0)} %",
            f"{endpoint['mirror_traffic'].get(one['name'], 0)} %",
            one["state"],
            one["model"] or "-",
            f"{one['instances'] or '?'} x {one['instance_type'] or _NO_SIZE}",
        )
        for one in endpoint["deployments"]
    ]
    head = ("deployment", "weight", "mirror", "state", "model", "instances")
    return table(head, rows) if rows else "  no deployments"


def _causes(endpoint: Mapping[str, Any]) -> Iterator[str]:
    for one in endpoint["deployments"]:
        if cause := one["cause"]:
            yield f"\n{one['name']} failed, and its {cause['container']} says: {cause['line']}"
            yield from (f"    {line}" for line in cause["lines"])
        elif one["state"] == "failed":
            yield f"\n{one['name']} failed, and its logs don't tell why; see them: sluice logs -d {one['name']}"


def _metrics(endpoint: Mapping[str, Any]) -> Iterator[str]:
    measured = endpoint.get("metrics")
    if not measured:
        return
    rows = [(name, *_cells(one)) for name, one in measured["deployments"].items()]
    yield f"\nlast {measured['window_s'] // 60} minutes, as far as Azure Monitor has them:"
    yield table(("deployment", "requests", "p50", "p95", "p99", "cpu", "memory", "disk", "gpu", "instances"), rows)
    if measured["network_bytes"] is not None:
        yield f"network  {measured['network_bytes']:.0f} bytes/s"
    for flow, told in (measured.get("flows") or {}).items():
        yield f"flow {flow}  tokens {_number(told['tokens'])}  requests {_number(told['requests'])}" + (
            f"  latency {told['latency']:.2f} s" if told["latency"] is not None else ""
        )


def _cells(one: Mapping[str, Any]) -> Iterator[str]:
    yield " ".join(f"{kind}={count}" for kind, count in sorted(one["requests"].items())) or "-"
    yield from (_with(one["latency_ms"][name], "ms") for name in ("p50", "p95", "p99"))
    yield from (_with(one[name], "%") for name in ("cpu", "memory", "disk", "gpu"))
    yield _number(one["instances"])


def _with(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.0f} {unit}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"

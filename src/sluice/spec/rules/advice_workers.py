"""Advice about a flow's workers, and how many requests an instance takes. Pure.

Source: the deploy document, "concurrency for deployment": workers are as many as cores by default, and twice as many
at most; with threads the flow must be safe for them; requests in flight follow workers x threads and the latency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import note_at, warning_at
from sluice.spec.models import Deployment, Model, where
from sluice.spec.rules.skus import size_of
from sluice.spec.rules.timeouts import FLOW_PROPERTY

WORKERS = "PROMPTFLOW_WORKER_NUM"
THREADS = "PROMPTFLOW_WORKER_THREADS"
_COUNTS = (WORKERS, THREADS)
CONCURRENCY = "request_settings.max_concurrent_requests_per_instance"

DEFAULT_OF_FLOWS = 10
SLOW_MS = 200
SLOW_ACROSS_REGIONS_MS = 1000

_FLOW_VARIABLES = ("PROMPTFLOW_", "PRT_CONFIG_OVERRIDE")


def thread_advice(deployment: Deployment) -> Iterator[Diagnostic]:
    """More than one thread a worker asks for a flow that is safe for threads."""
    threads = _number(deployment, THREADS)
    if threads and threads > 1:
        message = (
            f"`{THREADS}` is {threads}: {threads} requests share one process, and the flow must be safe for threads"
        )
        remedy = f"Use 1 and more `{WORKERS}`, unless you know that it is."
        yield warning_at(where(deployment, f"environment_variables.{THREADS}"), message, remedy, "worker-threads")


def worker_advice(deployment: Deployment, model: Model | None, latency_ms: int | None) -> Iterator[Diagnostic]:
    """Yield advice about the workers of a flow on an Azure VM; nothing for other models.

    `latency_ms` is what a request usually takes; None where nobody said.
    """
    if not _serves_flow(deployment, model):
        return
    size = size_of(deployment.instance_type)
    workers = _number(deployment, WORKERS)
    if workers and size and workers > 2 * size.cores:
        message = (
            f"`{WORKERS}` is {workers}; {size.name} has {size.cores} cores, and 2 x {size.cores} ="
            f" {2 * size.cores} workers are the most"
        )
        remedy = f"Use {size.cores} to {2 * size.cores}, or a larger size."
        yield warning_at(where(deployment, f"environment_variables.{WORKERS}"), message, remedy, "workers")
    unreadable = any(name in deployment.environment_variables and not _number(deployment, name) for name in _COUNTS)
    chosen = workers or (size.cores if size else None)
    if chosen and not unreadable and _says_something(deployment):
        yield from _concurrency(deployment, chosen, latency_ms)


def _serves_flow(deployment: Deployment, model: Model | None) -> bool:
    if model and (FLOW_PROPERTY in model.properties or (model.content and model.content.flow)):
        return True
    return any(name.startswith(_FLOW_VARIABLES) for name in deployment.environment_variables)


def _says_something(deployment: Deployment) -> bool:
    """Tell whether workers, threads or requests in flight are chosen here: all defaults are Azure's own affair."""
    given = deployment.environment_variables.keys() & {WORKERS, THREADS}
    return bool(given) or deployment.request_settings.max_concurrent_requests_per_instance is not None


def _concurrency(deployment: Deployment, workers: int, latency_ms: int | None) -> Iterator[Diagnostic]:
    threads = _number(deployment, THREADS) or 1
    at_once = workers * threads
    least, most = _fitting(at_once, latency_ms)
    said = deployment.request_settings.max_concurrent_requests_per_instance
    count = said or DEFAULT_OF_FLOWS
    which = f"is {count}" if said else f"is {count} by default"
    sum_ = f"workers x threads = {workers} x {threads} = {at_once}"
    key = CONCURRENCY if said else f"environment_variables.{WORKERS}"
    at = where(deployment, key)
    short = f"`{CONCURRENCY}` {which}"
    remedy = f"Set it to {least}." if least == most else f"Set it to {least} to {most}."
    if not least <= count <= most:
        yield warning_at(at, f"{short}; {_reason(latency_ms)}: {_range(least, most)} ({sum_})", remedy, "concurrency")
    elif latency_ms and SLOW_MS < latency_ms <= SLOW_ACROSS_REGIONS_MS and count != at_once:
        reason = f"a request takes {latency_ms} ms: for callers in the same region {at_once} would do ({sum_})"
        yield note_at(at, f"{short}; {reason}", "", "concurrency")


def _fitting(at_once: int, latency_ms: int | None) -> tuple[int, int]:
    """Return the least and the greatest number of requests in flight that fit the latency."""
    if latency_ms is None or SLOW_MS < latency_ms <= SLOW_ACROSS_REGIONS_MS:
        return at_once, 2 * at_once
    if latency_ms > SLOW_ACROSS_REGIONS_MS:
        return at_once, at_once
    return math.ceil(1.5 * at_once), 2 * at_once


def _reason(latency_ms: int | None) -> str:
    if latency_ms is None:
        return "whatever a request takes, the number that fits is"
    if latency_ms > SLOW_ACROSS_REGIONS_MS:
        return f"a request takes {latency_ms} ms, over {SLOW_MS} ms (1 s across regions), so the number that fits is"
    if latency_ms > SLOW_MS:
        return f"a request takes {latency_ms} ms, between {SLOW_MS} ms and 1 s, so the number that fits is"
    return f"a request takes {latency_ms} ms, at most {SLOW_MS} ms, so the number that fits is 1.5 to 2 times as many"


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _number(deployment: Deployment, name: str) -> int | None:
    """Return a variable's value where it is a positive whole number."""
    value = deployment.environment_variables.get(name)
    found = int(value) if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10 else 0
    return found or None

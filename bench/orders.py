"""How soon an abort is felt: from the order to the stable weights live again, and to a rollback without a gatekeeper.

    python bench/orders.py [--rounds 10] [--json]

A walk stands at 10 % for green under its gatekeeper. `abort` is what `sluice rollout abort` does once it has started;
`alone` the same with the gatekeeper killed: the caller carries the order out himself. The floor is setting weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from judging import begin
from light_endpoint import NAME, LightEndpoint, light_endpoint
from measuring import Series, machine, parser, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.rollout import control, local
from sluice.rollout.models import Command
from sluice.targets.local import traffic
from sluice.traffic.router import Routing


def main() -> None:
    """Measure and report."""
    options = parser(__doc__.splitlines()[0], rounds=10).parse_args()
    found: dict[str, list[float]] = {"floor": [], "abort": [], "alone": []}
    with scratch() as folder, light_endpoint(folder, ("blue", "green")) as endpoint:
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        for _ in range(options.rounds):
            found["floor"].append(timed(lambda: endpoint.switch({"blue": 100})))
            found["abort"].append(aborted(endpoint, alone=False))
            found["alone"].append(aborted(endpoint, alone=True))
    cases = {name: Series(tuple(1e3 * one for one in values)) for name, values in found.items()}
    if options.json:
        show_json(facts, milliseconds={name: series.plain() for name, series in cases.items()})
    else:
        rows = [series.row(name, ".0f") for name, series in cases.items()]
        show("Milliseconds from the order to the weights", facts, ("", "median", "min", "max"), rows)


def aborted(endpoint: LightEndpoint, *, alone: bool) -> float:
    """Begin a walk and abort it; return the seconds until the stable weights are live."""
    target = endpoint.target
    begin(endpoint)
    if alone:
        local.dismiss(target, NAME)
    took = timed(lambda: control.give(target, NAME, Command.ABORT, "bench"))
    if target.endpoint(NAME).must_load().routing.weights.get("blue") != 100:
        raise SystemExit("the stable weights are not live")
    ended(endpoint)
    return took


def ended(endpoint: LightEndpoint) -> None:
    """Wait until the walk's end is written down, and forget that it was given up."""
    folder, deadline = local.folder_of(endpoint.target, NAME), time.monotonic() + 60
    while control.is_open(folder):
        if time.monotonic() > deadline:
            raise SystemExit("the walk did not end")
        time.sleep(0.05)
    local.dismiss(endpoint.target, NAME)
    control.retry(endpoint.target, NAME)
    traffic.set_routing(endpoint.target, NAME, Routing({"blue": 100, "green": 0}))


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

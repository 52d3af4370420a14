"""Rules across files about deployments that serve a prompt flow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from sluice.errors import Mark, SpecError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.flow import read_flow
from sluice.spec.models import Deployment, Flow, IdentityType, where
from sluice.spec.nodes import Node, dig, mark_of, text
from sluice.spec.references import connection_used
from sluice.spec.requirements import environment_needs
from sluice.spec.rules.flow_requirements import RequirementLine, requirement_lines
from sluice.spec.rules.flow_requirements import private_feeds as feed_lines
from sluice.spec.rules.variables import CLIENT_ID
from sluice.spec.rules.world import World, endpoint_of, environment_of, flow_of
from sluice.spec.terms import AssetReference
from sluice.spec.values import local_path

# Prompt flow's own serving image, which has no packages but prompt flow's.
_STOCK_IMAGE = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime*"
_IN_THE_IMAGE = frozenset({"promptflow", "promptflow-tools"})


def serving_findings(deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """Yield what is wrong between a flow, its deployment and its endpoint; nothing where no flow is served."""
    flow = flow_of(deployment, world)
    if flow is None:
        return
    yield from connections(flow, deployment, world)
    yield from identity(deployment, world)
    yield from packages(flow, deployment, world)
    yield from private_feeds(flow, deployment, world)


def connections(flow: Flow, deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """A flow's connections are among the specifications; if not, they must be in the workspace already."""
    for use in flow.connections:
        name = connection_used(use.name, deployment.environment_variables)
        if name in world.connections or world.hides("connection", name):
            continue
        user = f"the flow of `{deployment.name}` (node `{use.node}`)"
        message = f"{user} uses the connection `{name}`, which is not among the specifications"
        meant = nearest(name, list(world.connections))
        remedy = f"Did you mean `{meant}`?" if meant else "Add it to connections/, or it must exist in the workspace."
        yield warning_at(where(deployment, "model"), message, remedy, "connection")


def identity(deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """With a user-assigned identity a flow is told the identity's client id."""
    endpoint = endpoint_of(deployment, world)
    if not endpoint or endpoint.identity.type is not IdentityType.USER_ASSIGNED:
        return
    if CLIENT_ID not in deployment.environment_variables:
        message = f"the endpoint's identity is user-assigned; its flow needs `{CLIENT_ID}`"
        remedy = "Add the identity's client id to `environment_variables`."
        at = deployment.marks.get("environment_variables") or where(deployment, "model")
        yield warning_at(at, message, remedy, "client-id")


def packages(flow: Flow, deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """The stock image has none of a flow's own packages: Azure installs nothing when a deployment starts."""
    environment = environment_of(deployment, world)
    if environment is None or not environment.image:
        return
    # Of an environment that others share, what is wrong is that this deployment names it.
    shared = isinstance(deployment.environment, AssetReference)
    at = where(deployment, "environment") if shared else where(environment, "image")
    yield from _lacking(environment.image, environment.requirements, flow.requirements, at)


def inline_packages(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The same for a deployment's file alone, where it holds both model and environment."""
    image, folder = text(node, "environment", "image"), local_path(node, root, "model", "path")
    inline = dig(node, "environment")
    if inline is None or folder is None or not image or not _is_stock(image):
        return
    try:
        flow = read_flow(folder) if folder.is_dir() else None
        present = environment_needs(inline, root).requirements
    except SpecError:
        return
    if flow:
        yield from _lacking(image, present, flow.requirements, mark_of(inline, "image"))


def _lacking(image: str, present: Iterable[str], required: Iterable[str], at: Mark) -> Iterator[Diagnostic]:
    missing = sorted(package_names(required) - package_names(present) - _IN_THE_IMAGE)
    if missing and _is_stock(image):
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        message = f"`image` is prompt flow's stock image, which lacks what the flow requires: {shown}"
        remedy = "For Azure, build them in: `build` in place of `image`. The local target installs them by itself."
        yield warning_at(at, message, remedy, "stock-image")


def _is_stock(image: str) -> bool:
    return fnmatchcase(image.lower(), _STOCK_IMAGE)


def package_names(requirements: Iterable[str]) -> frozenset[str]:
    """Return the packages that requirement lines name, normalized (PEP 503); options name none."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in requirements if "://" not in line.split("@")[0])
    return frozenset(re.sub(r"[-_.]+", "-", one[0]).rstrip("-").lower() for one in found if one)


def private_feeds(flow: Flow, deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """`{private}` in a feed's address stands for a token of an identity: without one, nothing can be installed."""
    endpoint = endpoint_of(deployment, world)
    for line in _feeds(flow.requirements_file, world.root) if flow.requirements_file else ():
        if endpoint and endpoint.identity.type is IdentityType.NONE:
            message = f"a private feed (`{{private}}`) needs an identity, but the endpoint `{endpoint.name}` has none"
            remedy = "Give the endpoint an identity that may read the feed, or take the line out."
            yield error_at(line.at, message, remedy, "private-feed")
        else:
            message = "a private feed (`{private}`) is read in sessions and runs only, not when a deployment is made"
            yield warning_at(line.at, message, "Build its packages into the deployment's image.", "private-feed")


def _feeds(file: Path, root: Path) -> tuple[RequirementLine, ...]:
    try:
        return feed_lines(requirement_lines(file, root))
    except SpecError:
        return ()

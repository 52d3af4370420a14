"""What a stack's program does on Azure: look at the workspace, plan, refuse what can't be, register."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi

from sluice.engine.azure_native import ensure_azure_native
from sluice.engine.parts import pinned_versions
from sluice.errors import Unsupported
from sluice.plan.azure import plan_azure
from sluice.plan.azure_changes import refuse_replacements
from sluice.plan.azure_retries import retried
from sluice.plan.azure_site import Site
from sluice.plan.graph import Graph
from sluice.plan.local import Goal
from sluice.spec.frozen import frozen_map
from sluice.spec.load import raise_errors
from sluice.spec.models import SpecSet
from sluice.spec.settings import StackSettings
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.cloud import Cloud, connect, login
from sluice.targets.azure.live import ASSETS, Live, granted, read_live
from sluice.targets.azure.quota import preflight
from sluice.targets.azure.site import place_of, read_site
from sluice.targets.azure.vault import Vaults
from sluice.targets.azure.written import read_written
from sluice_infra.components.azure import AzureStack, NativeProvider


def build_azure(specs: SpecSet, settings: StackSettings, goals: Mapping[str, Goal]) -> Mapping[str, Any]:
    """Plan a stack against what is on Azure, register it, and return its outputs.

    Raises SpecError, AccessDenied, Unsupported, TrafficRefused and ImmutableModel for what can't be, AzureLogin,
    NotFound and AzureFailed for what Azure says, and SecretMissing: all before anything is registered.
    """
    place = place_of(settings)
    _refuse_rollouts(goals)
    ensure_azure_native(pulumi.log.info)
    cloud = Cloud.of(os.environ)
    arm = connect(cloud, report=pulumi.log.info)
    site = read_site(arm, place, specs)
    written = read_written(specs, settings.specs, settings.stack)
    site = replace(site, granted=granted(arm, specs, site, written))
    planned = plan_azure(specs, goals, site, written)
    live = read_live(arm, planned, wait=not pulumi.runtime.is_dry_run())
    graph = retried(planned, live.bodies)
    refuse_replacements(graph, live.bodies, live.weights)
    if _takes_cores(graph, live):
        _check_quota(arm, site, specs)
    provider = NativeProvider(place.subscription, pinned_versions().azure_native)
    return AzureStack(graph, provider, Vaults(cloud, login()), _shared(live)).register()


def _takes_cores(graph: Graph, live: Live) -> bool:
    """Tell whether instances are to be added: an update that adds none need not ask for quota."""
    return any(_sku(one.properties["body"]) != _sku(live.bodies.get(one.key)) for one in graph.of("OnlineDeployment"))


def _sku(body: object) -> object:
    return body.get("sku") if isinstance(body, Mapping) else None


def _check_quota(arm: ArmClient, site: Site, specs: SpecSet) -> None:
    """Raise SpecError where the region has too few cores for what is there and what is to come."""
    found = preflight(arm, site, specs)
    raise_errors(found)
    for finding in found:
        if finding.severity == "warning":
            pulumi.log.warn(f"{finding.at}: {finding.message}")


def _refuse_rollouts(goals: Mapping[str, Goal]) -> None:
    for name, goal in goals.items():
        if goal.rollout is not None:
            raise Unsupported(
                f"endpoint {name} has a rollout.yaml, and weights on Azure are set at once: nothing walks them there",
                remedy="Leave the rollout out of this stack (`specs` of its settings), and move the traffic by hand:"
                f" sluice traffic set blue=90 green=10 --endpoint {name}",
            )


def _shared(live: Live) -> Mapping[str, str]:
    """Return the ids of the assets that exist, by key, as Azure itself writes them."""
    assets = {key: body for key, body in live.bodies.items() if key.partition(":")[0] in ASSETS}
    return frozen_map({key: str(body["id"]) for key, body in assets.items() if body.get("id")})

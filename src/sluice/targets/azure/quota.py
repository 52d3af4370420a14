"""What a region's quota is and what runs on it already: read from ARM for `plan.azure_quota`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sluice.errors import AccessDenied, NotFound
from sluice.plan.azure_quota import Running, Usage, quota_findings, sizes_of, usages_of
from sluice.plan.azure_site import PROVIDER, Site
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import warning_at
from sluice.spec.models import SpecSet
from sluice.spec.rules.skus import Size
from sluice.targets.azure.arm import ArmClient

_MANAGED: Final = "managed"


def preflight(arm: ArmClient, site: Site, specs: SpecSet) -> tuple[Diagnostic, ...]:
    """Return what the region has too few cores for; nothing where the stack has no managed deployment.

    Whoever may not read quota gets one warning. Raises AzureLogin and AzureFailed.
    """
    managed = [one for one in specs.deployments if one.type == _MANAGED]
    if not managed:
        return ()
    try:
        usages, sizes = read_usages(arm, site), read_sizes(arm, site)
    except AccessDenied as error:
        remedy = "Ask for the role Reader on the subscription, or pass `--quota` to `sluice validate`."
        return (warning_at(managed[0].at, f"quota can't be read: {error.message}", remedy, "quota"),)
    there = read_running(arm, site, dict.fromkeys(one.endpoint_name for one in managed))
    return quota_findings(specs, usages, sizes, there)


def read_usages(arm: ArmClient, site: Site) -> tuple[Usage, ...]:
    """Return how many cores of each family are used in the region, and how many there may be."""
    return usages_of(arm.listed(f"{_region(site)}/usages"))


def read_sizes(arm: ArmClient, site: Site) -> Mapping[str, Size]:
    """Return the VM sizes of the region."""
    return sizes_of(arm.listed(f"{_region(site)}/vmSizes"))


def read_running(arm: ArmClient, site: Site, endpoints: Iterable[str]) -> Mapping[str, Running]:
    """Return the deployments of endpoints that are there, by `endpoint/deployment`."""
    found: dict[str, Running] = {}
    for endpoint in endpoints:
        try:
            listed = list(arm.listed(f"{site.within('onlineEndpoints', endpoint)}/deployments"))
        except NotFound:
            continue
        for one in listed:
            size = str((one.get("properties") or {}).get("instanceType") or "")
            found[f"{endpoint}/{one['name']}"] = Running(size, int((one.get("sku") or {}).get("capacity") or 1))
    return found


def _region(site: Site) -> str:
    return f"/subscriptions/{site.subscription}/providers/{PROVIDER}/locations/{site.location}"

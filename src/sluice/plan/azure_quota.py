"""Whether a region's quota is enough for a stack's deployments, before anything is made. Pure.

Source: "Quota allocation for online deployments": ceil(1.2 x instances) x cores, without the 20 % for exempt sizes; the
old deployment runs on while the new one starts, so both count. ARM's `usages` and `vmSizes` of a region say the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, SpecSet, where
from sluice.spec.rules.advice_quota import needed_cores
from sluice.spec.rules.skus import Size, size_of

CODE: Final = "quota"
TOTAL: Final = "total cluster dedicated regional vcpus"
"""The name of the limit for all families of a region together, folded."""


_UNLIMITED: Final = 10**9


@dataclass(frozen=True)
class Usage:
    """Cores of a family in a region: how many are used, how many there may be."""

    family: str
    used: int
    limit: int

    @property
    def free(self) -> int:
        """Return how many more may be taken."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class Running:
    """A deployment that is there already: its cores count as used."""

    instance_type: str
    instances: int


@dataclass(frozen=True)
class _Asked:
    """What one deployment takes on top of what it has."""

    deployment: Deployment
    size: Size
    cores: int

    @property
    def text(self) -> str:
        name = f"{self.deployment.endpoint_name}/{self.deployment.name}"
        return f"{name}: {self.deployment.instance_count} x {self.size.name}, {self.cores} cores"


def quota_findings(
    specs: SpecSet,
    usages: Sequence[Usage],
    sizes: Mapping[str, Size],
    running: Mapping[str, Running] | None = None,
) -> tuple[Diagnostic, ...]:
    """Return what a region has too few cores for: an error a family, and one for a size that it has not.

    Args:
        specs: a stack's checked specifications; deployments on Kubernetes take no quota.
        usages: of the region, as `usages_of` reads them; a family without one is not judged (a warning says so).
        sizes: VM sizes of the region by name in lower case, as `sizes_of` reads them; empty: not known.
        running: deployments that are there, by `endpoint/deployment`: what they have they need not get.
    """
    asked, findings = [], []
    for deployment in specs.deployments:
        if deployment.type == "kubernetes" or not deployment.instance_type:
            continue
        size = _size(deployment.instance_type, sizes)
        if size is None:
            findings.append(_unknown(deployment, sizes))
        else:
            asked.append(_Asked(deployment, size, _more(deployment, size, running or frozen_map())))
    known = {_folded(one.family): one for one in usages}
    return (*findings, *_of_families([one for one in asked if one.cores], known))


def _of_families(asked: Iterable[_Asked], usages: Mapping[str, Usage]) -> Iterator[Diagnostic]:
    by_family: dict[str, list[_Asked]] = defaultdict(list)
    for one in asked:
        by_family[one.size.family].append(one)
    for family, users in by_family.items():
        usage = usages.get(_folded(family))
        if usage is None:
            yield _not_told(family, users)
        elif (missing := _sum(users) - usage.free) > 0:
            yield _short(f"of {family}", users, usage, missing)
    total = usages.get(_folded(TOTAL))
    everybody = [one for users in by_family.values() for one in users]
    if total and (missing := _sum(everybody) - total.free) > 0:
        yield _short("of all families together", everybody, total, missing)


def _sum(users: Iterable[_Asked]) -> int:
    return sum(one.cores for one in users)


def _short(what: str, users: Sequence[_Asked], usage: Usage, missing: int) -> Diagnostic:
    terms = "; ".join(one.text for one in users)
    message = (
        f"{missing} cores {what} are missing: {_sum(users)} are needed on top (old and new side by side, with Azure's"
        f" 20 % for updates: {terms}), {usage.free} of {usage.limit} are free"
    )
    remedy = "Ask for more quota in the portal (Quotas, Machine Learning), take fewer instances, or another family."
    return error_at(where(users[0].deployment, "instance_count"), message, remedy, CODE)


def _not_told(family: str, users: Sequence[_Asked]) -> Diagnostic:
    message = f"{_sum(users)} cores of {family} are needed, and the region does not say how many it has"
    return warning_at(where(users[0].deployment, "instance_type"), message, "Look in the portal: Quotas.", CODE)


def _unknown(deployment: Deployment, sizes: Mapping[str, Size]) -> Diagnostic:
    at = where(deployment, "instance_type")
    if not sizes:
        message = f"`{deployment.instance_type}` is on no list of sizes: its cores are not counted for the quota"
        return warning_at(at, message, "", CODE)
    message = f"the region has no VM size `{deployment.instance_type}`"
    return error_at(at, message, "Choose one that `az vm list-sizes --location LOCATION` lists.", CODE)


def _size(name: str, sizes: Mapping[str, Size]) -> Size | None:
    """Return a size as the region tells it; whether Azure's reserve applies, only the list knows."""
    listed, told = size_of(name), sizes.get(name.lower())
    if sizes:
        return told and told._replace(exempt=bool(listed and listed.exempt))
    return listed


def _more(deployment: Deployment, size: Size, running: Mapping[str, Running]) -> int:
    """Return the cores a deployment takes on top: of another size, it is a new one and takes all."""
    there = running.get(f"{deployment.endpoint_name}/{deployment.name}")
    has = there is not None and there.instance_type.lower() == size.name.lower()
    held = needed_cores(size, there.instances) if there and has else 0
    return max(0, needed_cores(size, deployment.instance_count) - held)


def usages_of(listed: Iterable[Mapping[str, Any]]) -> tuple[Usage, ...]:
    """Return the limits of a region from ARM's `usages`: of families, not of single workspaces or low priority."""
    found: dict[str, Usage] = {}
    for one in listed:
        name = one.get("name") or {}
        family, kind = str(name.get("value") or ""), str(one.get("type") or "").lower()
        if family and "/workspaces/" not in kind and "lowpriority" not in kind:
            limit, used = int(one.get("limit") or 0), int(one.get("currentValue") or 0)
            found.setdefault(_folded(family), Usage(family, used, limit if limit >= 0 else _UNLIMITED))
    return tuple(found.values())


def sizes_of(listed: Iterable[Mapping[str, Any]]) -> Mapping[str, Size]:
    """Return the sizes of a region from ARM's `vmSizes`, by name in lower case."""
    return frozen_map({
        str(one["name"]).lower(): Size(str(one["name"]), str(one.get("family") or ""), int(one.get("vCPUs") or 0))
        for one in listed
    })  # fmt: skip


def _folded(name: str) -> str:
    return "".join(name.lower().split())

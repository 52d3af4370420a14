"""How many cores of each VM family a stack's deployments need, with Azure's reserve for updates. Pure.

Source: "Quota allocation for online deployments": ceil(1.2 x instances) x cores, without the 20 % for exempt sizes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sluice.errors import UsageError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, note_at, warning_at
from sluice.spec.models import Deployment, where
from sluice.spec.rules.skus import FAMILIES, Size, size_of

_SHOWN = 6


def read_quota(given: Iterable[str]) -> Mapping[str, int]:
    """Return cores by VM family from `family=cores`, as on the command line; families compare without case and blanks.

    Raises UsageError for another form, or a family that Azure's list lacks.
    """
    return dict(_pair(one) for one in given)


def _pair(given: str) -> tuple[str, int]:
    name, sign, cores = given.rpartition("=")
    if not sign or not cores.strip().isdecimal():
        raise UsageError(f"`{given}` is no quota", remedy="Write it as family=cores: --quota standardDSv2Family=48")
    return _family(name), int(cores)


def _family(name: str) -> str:
    known = {_folded(family): family for family in FAMILIES}
    if family := known.get(_folded(name)):
        return family
    size = size_of(name.strip())
    meant = size.family if size else nearest(_folded(name), FAMILIES)
    remedy = f"Did you mean `{meant}`?" if meant else f"Families: {', '.join(FAMILIES)}."
    raise UsageError(f"no VM family has the name `{name.strip()}`", remedy=remedy)


def _folded(name: str) -> str:
    return "".join(name.lower().split())


def needed_cores(size: Size, instances: int) -> int:
    """Return the quota that a deployment of that many instances takes, in cores."""
    reserved = instances if size.exempt else -(-12 * instances // 10)
    return reserved * size.cores


def quota_advice(deployments: Sequence[Deployment], quota: Mapping[str, int]) -> Iterator[Diagnostic]:
    """Yield what the managed deployments need of each family: an error where `quota` says that there is less."""
    users: dict[str, list[tuple[Deployment, Size]]] = defaultdict(list)
    for deployment in deployments:
        size = size_of(deployment.instance_type)
        if deployment.type != "kubernetes" and size:
            users[size.family].append((deployment, size))
        elif deployment.type != "kubernetes" and deployment.instance_type:
            message = f"`{deployment.instance_type}` is not on Azure's list: its cores are not counted for the quota"
            yield note_at(where(deployment, "instance_type"), message, "", "quota")
    for family, listed in users.items():
        yield from _of_family(family, listed, quota.get(family))


def _of_family(family: str, users: Sequence[tuple[Deployment, Size]], quota: int | None) -> Iterator[Diagnostic]:
    needed = sum(needed_cores(size, deployment.instance_count) for deployment, size in users)
    shown = "; ".join(_term(deployment, size) for deployment, size in users[:_SHOWN])
    more = f"; and {len(users) - _SHOWN} more" if len(users) > _SHOWN else ""
    at = where(users[0][0], "instance_count")
    what = f"{needed} cores of {family} are needed ({shown}{more})"
    if quota is None:
        remedy = f"Compare with the subscription's quota in the region: --quota '{family}=<cores>'."
        yield warning_at(at, f"{what}; Azure refuses the deployment where the quota is less", remedy, "quota")
    elif needed > quota:
        remedy = "Ask for more quota, take fewer instances, or another family."
        yield error_at(at, f"{what}, the quota is {quota}", remedy, "quota")


def _term(deployment: Deployment, size: Size) -> str:
    count = deployment.instance_count
    reserve = str(count) if size.exempt else f"ceil(1.2 x {count})"
    name = f"{deployment.endpoint_name}/{deployment.name}"
    return f"{name}: {reserve} x {size.cores} = {needed_cores(size, count)}"

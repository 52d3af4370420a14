"""What an instance type limits a container to, on a machine that may be smaller. Pure.

Cores are Azure's ("Managed online endpoints VM SKU list"). That list has no memory: it follows from the family's
memory a core in Azure's pages on VM sizes. In families that have several, it is the least of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sluice.spec.rules.skus import size_of

GIB: Final = 1024**3
GIB_PER_CORE: Final[Mapping[str, float]] = {
    "standardDASv4Family": 4,
    "standardDAv4Family": 4,
    "standardDSv2Family": 3.5,
    "standardESv3Family": 6.75,
    "standardFSv2Family": 2,
    "standardFXMDVSFamily": 21,
    "standardLASv3Family": 8,
    "standardLSv2Family": 8,
    "standardLSv3Family": 8,
    "standardNCADSA100v4Family": 9.17,
    "standard NCASv3_T4 Family": 6.88,
    "standardNCSv2Family": 18.67,
    "standardNCSv3Family": 18.67,
    "standardNCADSH100v5Family": 8,
    "standard NDAMSv4_A100Family": 19.79,
    "standard NDASv4_A100 Family": 9.38,
    "standardNDSv2Family": 16.8,
    "standardNDv5H100Family": 19.79,
    "standardNVADSA10v5Family": 9.17,
}


@dataclass(frozen=True)
class Limits:
    """What one container may use: cores, and bytes of memory."""

    cores: int
    memory: int

    def __str__(self) -> str:
        return f"{self.cores} cores and {self.memory / GIB:.1f} GiB"


def limits_of(instance_type: str | None, machine: Limits) -> tuple[Limits | None, str]:
    """Return the limits of a replica on `machine`, and what there is to say about them (nothing, if all is as asked).

    A size that the list does not have limits nothing.
    """
    size = size_of(instance_type)
    if size is None:
        return None, f"instance type {instance_type} is not known: its containers have no limits" * bool(instance_type)
    asked = Limits(size.cores, int(size.cores * GIB_PER_CORE[size.family] * GIB))
    given = Limits(min(asked.cores, machine.cores), min(asked.memory, machine.memory))
    if given == asked:
        return given, ""
    return given, f"{size.name} has {asked}, this machine {machine}: each replica is limited to {given}"

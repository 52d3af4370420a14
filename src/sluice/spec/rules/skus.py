"""VM sizes of managed online endpoints: cores, family and whether Azure's reserve for updates applies.

Source: "Managed online endpoints VM SKU list" and "Quota allocation for online deployments" of Azure's documents.
Names compare without case.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Size(NamedTuple):
    """One VM size. `exempt`: Azure reserves no 20 % on top for updates."""

    name: str
    family: str
    cores: int
    exempt: bool = False


SIZES = (
    Size("Standard_D2as_v4", "standardDASv4Family", 2),
    Size("Standard_D4as_v4", "standardDASv4Family", 4),
    Size("Standard_D8as_v4", "standardDASv4Family", 8),
    Size("Standard_D16as_v4", "standardDASv4Family", 16),
    Size("Standard_D32as_v4", "standardDASv4Family", 32),
    Size("Standard_D48as_v4", "standardDASv4Family", 48),
    Size("Standard_D64as_v4", "standardDASv4Family", 64),
    Size("Standard_D96as_v4", "standardDASv4Family", 96),
    Size("Standard_D2a_v4", "standardDAv4Family", 2),
    Size("Standard_D4a_v4", "standardDAv4Family", 4),
    Size("Standard_D8a_v4", "standardDAv4Family", 8),
    Size("Standard_D16a_v4", "standardDAv4Family", 16),
    Size("Standard_D32a_v4", "standardDAv4Family", 32),
    Size("Standard_D48a_v4", "standardDAv4Family", 48),
    Size("Standard_D64a_v4", "standardDAv4Family", 64),
    Size("Standard_D96a_v4", "standardDAv4Family", 96),
    Size("Standard_DS1_v2", "standardDSv2Family", 1),
    Size("Standard_DS2_v2", "standardDSv2Family", 2),
    Size("Standard_DS3_v2", "standardDSv2Family", 4),
    Size("Standard_DS4_v2", "standardDSv2Family", 8),
    Size("Standard_DS5_v2", "standardDSv2Family", 16),
    Size("Standard_E2s_v3", "standardESv3Family", 2),
    Size("Standard_E4s_v3", "standardESv3Family", 4),
    Size("Standard_E8s_v3", "standardESv3Family", 8),
    Size("Standard_E16s_v3", "standardESv3Family", 16),
    Size("Standard_E32s_v3", "standardESv3Family", 32),
    Size("Standard_E48s_v3", "standardESv3Family", 48),
    Size("Standard_E64s_v3", "standardESv3Family", 64),
    Size("Standard_F2s_v2", "standardFSv2Family", 2),
    Size("Standard_F4s_v2", "standardFSv2Family", 4),
    Size("Standard_F8s_v2", "standardFSv2Family", 8),
    Size("Standard_F16s_v2", "standardFSv2Family", 16),
    Size("Standard_F32s_v2", "standardFSv2Family", 32),
    Size("Standard_F48s_v2", "standardFSv2Family", 48),
    Size("Standard_F64s_v2", "standardFSv2Family", 64),
    Size("Standard_F72s_v2", "standardFSv2Family", 72),
    Size("Standard_FX4mds", "standardFXMDVSFamily", 4),
    Size("Standard_FX12mds", "standardFXMDVSFamily", 12),
    Size("Standard_FX24mds", "standardFXMDVSFamily", 24),
    Size("Standard_FX36mds", "standardFXMDVSFamily", 36),
    Size("Standard_FX48mds", "standardFXMDVSFamily", 48),
    Size("Standard_L8as_v3", "standardLASv3Family", 8),
    Size("Standard_L16as_v3", "standardLASv3Family", 16),
    Size("Standard_L32as_v3", "standardLASv3Family", 32),
    Size("Standard_L48as_v3", "standardLASv3Family", 48),
    Size("Standard_L64as_v3", "standardLASv3Family", 64),
    Size("Standard_L80as_v3", "standardLASv3Family", 80),
    Size("Standard_L8s_v2", "standardLSv2Family", 8),
    Size("Standard_L16s_v2", "standardLSv2Family", 16),
    Size("Standard_L32s_v2", "standardLSv2Family", 32),
    Size("Standard_L48s_v2", "standardLSv2Family", 48),
    Size("Standard_L64s_v2", "standardLSv2Family", 64),
    Size("Standard_L80s_v2", "standardLSv2Family", 80),
    Size("Standard_L8s_v3", "standardLSv3Family", 8),
    Size("Standard_L16s_v3", "standardLSv3Family", 16),
    Size("Standard_L32s_v3", "standardLSv3Family", 32),
    Size("Standard_L48s_v3", "standardLSv3Family", 48),
    Size("Standard_L64s_v3", "standardLSv3Family", 64),
    Size("Standard_L80s_v3", "standardLSv3Family", 80),
    Size("Standard_NC24ads_A100_v4", "standardNCADSA100v4Family", 24, exempt=True),
    Size("Standard_NC48ads_A100_v4", "standardNCADSA100v4Family", 48, exempt=True),
    Size("Standard_NC96ads_A100_v4", "standardNCADSA100v4Family", 96, exempt=True),
    Size("Standard_NC4as_T4_v3", "standard NCASv3_T4 Family", 4),
    Size("Standard_NC8as_T4_v3", "standard NCASv3_T4 Family", 8),
    Size("Standard_NC16as_T4_v3", "standard NCASv3_T4 Family", 16),
    Size("Standard_NC64as_T4_v3", "standard NCASv3_T4 Family", 64),
    Size("Standard_NC6s_v2", "standardNCSv2Family", 6),
    Size("Standard_NC12s_v2", "standardNCSv2Family", 12),
    Size("Standard_NC24s_v2", "standardNCSv2Family", 24),
    Size("Standard_NC6s_v3", "standardNCSv3Family", 6),
    Size("Standard_NC12s_v3", "standardNCSv3Family", 12),
    Size("Standard_NC24s_v3", "standardNCSv3Family", 24),
    Size("Standard_NC40ads_H100_v5", "standardNCADSH100v5Family", 40, exempt=True),
    Size("Standard_NC80adis_H100_v5", "standardNCADSH100v5Family", 80, exempt=True),
    Size("Standard_ND96amsr_A100_v4", "standard NDAMSv4_A100Family", 96, exempt=True),
    Size("Standard_ND96asr_v4", "standard NDASv4_A100 Family", 96, exempt=True),
    Size("Standard_ND40rs_v2", "standardNDSv2Family", 40, exempt=True),
    Size("Standard_ND96is_H100_v5", "standardNDv5H100Family", 96, exempt=True),
    Size("Standard_ND96isr_H100_v5", "standardNDv5H100Family", 96, exempt=True),
    Size("Standard_NV6ads_A10_v5", "standardNVADSA10v5Family", 6),
    Size("Standard_NV12ads_A10_v5", "standardNVADSA10v5Family", 12),
    Size("Standard_NV18ads_A10_v5", "standardNVADSA10v5Family", 18),
    Size("Standard_NV36ads_A10_v5", "standardNVADSA10v5Family", 36),
    Size("Standard_NV36adms_A10_v5", "standardNVADSA10v5Family", 36),
    Size("Standard_NV72ads_A10_v5", "standardNVADSA10v5Family", 72),
)

NAMES = tuple(size.name for size in SIZES)
FAMILIES = tuple(dict.fromkeys(size.family for size in SIZES))

_BY_FOLDED = {size.name.lower(): size for size in SIZES}

# Sizes that Azure's documents say may be too small for a model server.
_SMALL = frozenset({"standard_ds1_v2", "standard_ds2_v2", "standard_f2s_v2"})

# Standard_D4as_v4, Standard_M416-208s_v2, Standard_NC24ads_A100_v4: letters of the family, then the number of cores.
_SHAPE = re.compile(r"((standard|basic)_)?[a-z]{1,4}[0-9]{1,4}(-[0-9]{1,4})?[a-z0-9]*(_[a-z0-9]+)*", re.IGNORECASE)


def size_of(name: str | None) -> Size | None:
    """Return the size of that name, or None where the list has none."""
    return _BY_FOLDED.get(name.lower()) if name else None


def has_shape(name: str) -> bool:
    """Tell whether a name could be an Azure VM size, on the list or not."""
    return _SHAPE.fullmatch(name) is not None


def family_letters(name: str) -> str:
    """Return the letters before the number of cores (`ds` of Standard_DS3_v2): what sizes of a kind share."""
    found = re.match(r"(?:(?:standard|basic)_)?([a-z]+)", name.lower())
    return found[1] if found else ""


def is_small(name: str) -> bool:
    """Tell whether a size may be too small to serve from."""
    return name.lower() in _SMALL

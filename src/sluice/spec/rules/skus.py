"""VM sizes of managed online endpoints, from Azure's "VM SKU list for managed online endpoints"."""

from __future__ import annotations

NAMES = (
    "Standard_D2as_v4",
    "Standard_D4as_v4",
    "Standard_D8as_v4",
    "Standard_D16as_v4",
    "Standard_D32as_v4",
    "Standard_D48as_v4",
    "Standard_D64as_v4",
    "Standard_D96as_v4",
    "Standard_D2a_v4",
    "Standard_D4a_v4",
    "Standard_D8a_v4",
    "Standard_D16a_v4",
    "Standard_D32a_v4",
    "Standard_D48a_v4",
    "Standard_D64a_v4",
    "Standard_D96a_v4",
    "Standard_DS1_v2",
    "Standard_DS2_v2",
    "Standard_DS3_v2",
    "Standard_DS4_v2",
    "Standard_DS5_v2",
    "Standard_E2s_v3",
    "Standard_E4s_v3",
    "Standard_E8s_v3",
    "Standard_E16s_v3",
    "Standard_E32s_v3",
    "Standard_E48s_v3",
    "Standard_E64s_v3",
    "Standard_F2s_v2",
    "Standard_F4s_v2",
    "Standard_F8s_v2",
    "Standard_F16s_v2",
    "Standard_F32s_v2",
    "Standard_F48s_v2",
    "Standard_F64s_v2",
    "Standard_F72s_v2",
    "Standard_FX4mds",
    "Standard_FX12mds",
    "Standard_FX24mds",
    "Standard_FX36mds",
    "Standard_FX48mds",
    "Standard_L8as_v3",
    "Standard_L16as_v3",
    "Standard_L32as_v3",
    "Standard_L48as_v3",
    "Standard_L64as_v3",
    "Standard_L80as_v3",
    "Standard_L8s_v2",
    "Standard_L16s_v2",
    "Standard_L32s_v2",
    "Standard_L48s_v2",
    "Standard_L64s_v2",
    "Standard_L80s_v2",
    "Standard_L8s_v3",
    "Standard_L16s_v3",
    "Standard_L32s_v3",
    "Standard_L48s_v3",
    "Standard_L64s_v3",
    "Standard_L80s_v3",
    "Standard_NC24ads_A100_v4",
    "Standard_NC48ads_A100_v4",
    "Standard_NC96ads_A100_v4",
    "Standard_NC4as_T4_v3",
    "Standard_NC8as_T4_v3",
    "Standard_NC16as_T4_v3",
    "Standard_NC64as_T4_v3",
    "Standard_NC6s_v2",
    "Standard_NC12s_v2",
    "Standard_NC24s_v2",
    "Standard_NC6s_v3",
    "Standard_NC12s_v3",
    "Standard_NC24s_v3",
    "Standard_NC40ads_H100_v5",
    "Standard_NC80adis_H100_v5",
    "Standard_ND96amsr_A100_v4",
    "Standard_ND96asr_v4",
    "Standard_ND40rs_v2",
    "Standard_ND96is_H100_v5",
    "Standard_ND96isr_H100_v5",
    "Standard_NV6ads_A10_v5",
    "Standard_NV12ads_A10_v5",
    "Standard_NV18ads_A10_v5",
    "Standard_NV36ads_A10_v5",
    "Standard_NV36adms_A10_v5",
    "Standard_NV72ads_A10_v5",
)

_BY_FOLDED = {name.lower(): name for name in NAMES}

# Sizes that Azure's documents say may be too small for a model server.
_SMALL = frozenset({"standard_ds1_v2", "standard_ds2_v2", "standard_f2s_v2"})


def is_known(name: str) -> bool:
    """Tell whether the list has a size; case does not count."""
    return name.lower() in _BY_FOLDED


def is_small(name: str) -> bool:
    """Tell whether a size may be too small to serve from."""
    return name.lower() in _SMALL

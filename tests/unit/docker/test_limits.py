"""What an instance type allows on a machine of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.rules.skus import FAMILIES, SIZES
from sluice.targets.local.docker.limits import GIB, GIB_PER_CORE, Limits, limits_of

machines = st.builds(Limits, st.integers(1, 512), st.integers(GIB // 2, 4096 * GIB))


def test_every_family_has_its_memory() -> None:
    assert set(GIB_PER_CORE) == set(FAMILIES)


@given(st.sampled_from(SIZES).map(lambda size: size.name), machines)
def test_a_replica_never_gets_more_than_the_machine_has(name: str, machine: Limits) -> None:
    limits, said = limits_of(name, machine)

    assert limits is not None
    assert 1 <= limits.cores <= machine.cores
    assert 0 < limits.memory <= machine.memory
    assert bool(said) == (limits != limits_of(name, Limits(1000, 10_000 * GIB))[0])


@pytest.mark.parametrize(
    ("name", "cores", "gib"), [("Standard_DS3_v2", 4, 14), ("standard_f4s_v2", 4, 8), ("Standard_E4s_v3", 4, 27)]
)
def test_sizes_as_azure_has_them(name: str, cores: int, gib: int) -> None:
    assert limits_of(name, Limits(64, 512 * GIB)) == (Limits(cores, gib * GIB), "")


def test_a_smaller_machine_is_told() -> None:
    _, said = limits_of("Standard_DS3_v2", Limits(2, 8 * GIB))

    assert "4 cores and 14.0 GiB" in said
    assert "limited to 2 cores and 8.0 GiB" in said


@pytest.mark.parametrize("name", [None, "Standard_Nothing"])
def test_an_unknown_size_limits_nothing(name: str | None) -> None:
    limits, said = limits_of(name, Limits(2, GIB))

    assert limits is None
    assert ("no limits" in said) == (name is not None)

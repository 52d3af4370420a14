"""Quota before anything is made: blue and green side by side, the fifth that Azure reserves, what runs already."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.azure.conftest import DEPLOYMENT, STACK

from sluice.plan.azure_quota import Running, Usage, quota_findings, sizes_of, usages_of
from sluice.spec.load import check, load_specs
from sluice.spec.models import SpecSet
from sluice.spec.rules.advice_quota import needed_cores
from sluice.spec.rules.skus import SIZES

FAMILY = "standardDSv2Family"
REGION = {one.name.lower(): one._replace(exempt=False) for one in SIZES}


def stack(folder: Path, count: int = 1, size: str = "Standard_DS3_v2") -> SpecSet:
    """Blue and green of `count` instances each."""
    body = DEPLOYMENT.replace("instance_count: 1", f"instance_count: {count}").replace("Standard_DS3_v2", size)
    files = {
        **STACK,
        "endpoints/answers/blue.yaml": body,
        "endpoints/answers/green.yaml": body.replace("name: blue", "name: green"),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    specs = load_specs(folder)
    check(specs)
    return specs


def test_ten_instances_of_four_cores_need_forty_eight(tmp_path: Path) -> None:
    specs, blue = stack(tmp_path, 10), {"answers/blue": Running("Standard_DS3_v2", 10)}
    assert quota_findings(specs, [Usage(FAMILY, 48, 96)], REGION, blue) == ()
    (short,) = quota_findings(specs, [Usage(FAMILY, 48, 95)], REGION, blue)
    assert short.severity == "error"
    assert short.message.startswith(f"1 cores of {FAMILY} are missing: 48 are needed on top")
    assert "47 of 95 are free" in short.message
    assert (short.at.path, short.code) == ("endpoints/answers/green.yaml", "quota")


def test_both_are_needed_where_nothing_runs_yet(tmp_path: Path) -> None:
    (short,) = quota_findings(stack(tmp_path, 10), [Usage(FAMILY, 0, 48)], REGION)
    assert short.message.startswith("48 cores")
    assert "answers/blue: 10 x Standard_DS3_v2, 48 cores; answers/green: 10 x Standard_DS3_v2" in short.message


def test_a_fifth_is_not_reserved_for_exempt_sizes(tmp_path: Path) -> None:
    specs = stack(tmp_path, 5, "Standard_ND40rs_v2")
    assert quota_findings(specs, [Usage("standardNDSv2Family", 0, 400)], REGION) == ()
    assert quota_findings(specs, [Usage("standardNDSv2Family", 1, 400)], REGION)


def test_more_instances_of_what_runs_need_only_the_difference(tmp_path: Path) -> None:
    there = {name: Running("standard_ds3_v2", 5) for name in ("answers/blue", "answers/green")}
    assert quota_findings(stack(tmp_path, 10), [Usage(FAMILY, 48, 96)], REGION, there) == ()


def test_another_size_of_the_same_name_needs_all(tmp_path: Path) -> None:
    there = {name: Running("Standard_DS4_v2", 10) for name in ("answers/blue", "answers/green")}
    (short,) = quota_findings(stack(tmp_path, 10), [Usage(FAMILY, 192, 192)], REGION, there)
    assert short.message.startswith("96 cores")


def test_fewer_instances_never_lack_cores(tmp_path: Path) -> None:
    there = {name: Running("Standard_DS3_v2", 10) for name in ("answers/blue", "answers/green")}
    assert quota_findings(stack(tmp_path, 1), [Usage(FAMILY, 96, 10)], REGION, there) == ()


def test_all_families_together_have_a_limit_too(tmp_path: Path) -> None:
    total = Usage("Total Cluster Dedicated Regional vCPUs", 90, 100)
    (short,) = quota_findings(stack(tmp_path, 5), [Usage(FAMILY, 0, 100), total], REGION)
    assert short.message.startswith("38 cores of all families together are missing")


def test_a_size_the_region_has_not_is_told(tmp_path: Path) -> None:
    region = {name: size for name, size in REGION.items() if name != "standard_ds3_v2"}
    found = quota_findings(stack(tmp_path), [], region)
    assert {one.message for one in found} == {"the region has no VM size `Standard_DS3_v2`"}
    assert {one.severity for one in found} == {"error"}


def test_a_family_without_a_limit_is_not_judged(tmp_path: Path) -> None:
    (told,) = quota_findings(stack(tmp_path), [], REGION)
    assert (told.severity, "does not say how many" in told.message) == ("warning", True)


def test_a_new_size_is_known_from_the_region(tmp_path: Path) -> None:
    region = sizes_of([{"name": "Standard_D4s_v9", "family": "standardDSv9Family", "vCPUs": 4}])
    (short,) = quota_findings(stack(tmp_path, 1, "Standard_D4s_v9"), [Usage("StandardDSv9Family", 0, 15)], region)
    assert short.message.startswith("1 cores of standardDSv9Family are missing: 16 are needed")


def test_only_limits_of_dedicated_cores_of_the_region_count() -> None:
    def one(kind: str, limit: int) -> dict[str, object]:
        type_ = f"Microsoft.MachineLearningServices/{kind}/usages"
        return {"type": type_, "name": {"value": FAMILY}, "currentValue": 3, "limit": limit}

    listed = [one("lowPriorityCores", 1), one("workspaces/dedicatedCores", 2), one("dedicatedCores", 8)]
    assert usages_of(listed) == (Usage(FAMILY, 3, 8),)
    assert usages_of([one("dedicatedCores", -1)])[0].free > 10**6


@given(st.sampled_from(SIZES), st.integers(1, 50))
def test_what_is_needed_is_never_less_than_what_runs(size: object, instances: int) -> None:
    assert isinstance(size, type(SIZES[0]))
    needed = needed_cores(size, instances)
    assert instances * size.cores <= needed <= (instances * 12 // 10 + 1) * size.cores


@pytest.mark.parametrize(("used", "limit"), [(0, 0), (5, 3)])
def test_no_quota_leaves_none_free(used: int, limit: int) -> None:
    assert Usage(FAMILY, used, limit).free == 0

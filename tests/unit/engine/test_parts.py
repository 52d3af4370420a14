"""The pins: one data file, and go.mod files that say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.engine.go_build import MODULES
from sluice.engine.parts import pinned_versions, usable, version_tuple

NUMBERS = st.tuples(*[st.integers(0, 9999)] * 3)


def test_go_modules_pin_what_the_data_file_says() -> None:
    pins = pinned_versions()
    engine = (MODULES / "engine" / "go.mod").read_text()
    host = (MODULES / "language-host" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{pins.engine}" in engine
    assert f"github.com/pulumi/pulumi/sdk/v3 v{pins.language_host}" in host
    assert usable(pins.engine, pins.minimum)


@pytest.mark.parametrize(
    ("folder", "module", "pin"),
    [
        ("docker-build", "github.com/pulumi/pulumi-docker-build", "docker_build"),
        ("buildkit", "github.com/moby/buildkit", "buildkit"),
        ("registry", "github.com/distribution/distribution/v3", "registry"),
    ],
)
def test_the_tools_for_images_are_pinned_too(folder: str, module: str, pin: str) -> None:
    go_mod = (MODULES / folder / "go.mod").read_text()
    assert f"\t{module} v{getattr(pinned_versions(), pin)}" in go_mod


def test_every_pinned_module_has_its_sum() -> None:
    for folder in (go_mod.parent for go_mod in MODULES.glob("*/go.mod")):
        sums = (folder / "go.sum").read_text()
        required = [line.split()[:2] for line in (folder / "go.mod").read_text().splitlines() if "// indirect" in line]
        assert required
        assert not [f"{module} {version}" for module, version in required if f"{module} {version}" not in sums]


@given(NUMBERS, st.sampled_from(["", "v"]), st.sampled_from(["", "-alpha.1", "-dev+dirty", "\n"]))
def test_a_version_is_read_with_whatever_stands_around_it(
    numbers: tuple[int, int, int], before: str, after: str
) -> None:
    text = ".".join(map(str, numbers))
    assert version_tuple(f"{before}{text}{after}") == numbers


@given(NUMBERS, NUMBERS)
def test_usable_is_not_older_and_of_the_same_major(have: tuple[int, int, int], need: tuple[int, int, int]) -> None:
    said = usable(".".join(map(str, have)), ".".join(map(str, need)))
    assert said == (have[0] == need[0] and have >= need)


def test_what_is_no_version_is_not_usable() -> None:
    assert not usable("unknown command", "3.200.0")

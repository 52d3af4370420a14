"""Single values from YAML's form to ARM's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.plan.azure_values import camel, duration, texts
from sluice.targets.azure.router import seconds_of


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [(90000, "PT1M30S"), (500, "PT0.5S"), (10000, "PT10S"), (3600000, "PT1H"), (90061000, "P1DT1H1M1S"), (0, None)],
)
def test_durations_are_written_as_azures_loader_does(milliseconds: int, written: str | None) -> None:
    assert duration(milliseconds) == written


@given(st.integers(1, 86_399_999))
def test_a_duration_read_again_is_the_same(milliseconds: int) -> None:
    assert seconds_of(duration(milliseconds)) == pytest.approx(milliseconds / 1000)


def test_words_and_maps() -> None:
    assert [camel(word) for word in ("target_utilization", "enabled", "Linux", None)] == [
        "TargetUtilization",
        "Enabled",
        "Linux",
        None,
    ]
    assert texts({"a": 1, "b": True, "c": None}) == {"a": "1", "b": "True"}

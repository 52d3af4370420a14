"""Times and percentages as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.nodes import Node, dig
from sluice.spec.parse import parse_documents
from sluice.spec.quantities import has_unit, number, percent, seconds, share


def read(value: str) -> Node | None:
    return dig(parse_documents(f"a: {value}\n", "f.yaml")[0], "a")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("30s", 30),
        ("250ms", 0.25),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("7d", 604_800),
        ("45", 45),
        ('"45"', 45),
        ("0.5", 0.5),
        ("0", 0),
        ("soon", None),
        ("5 m", None),
        ("5%", None),
        ("true", None),
        (".inf", None),
        ("", None),
        ("{}", None),
    ],
)
def test_times_are_seconds(written: str, found: float | None) -> None:
    assert seconds(read(written)) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("0.5%", 0.5),
        ("0.5 %", 0.5),
        ("0.5", 0.5),
        ("20", 20),
        ('"20"', 20),
        ("2s", None),
        ("true", None),
        ('"%"', None),
    ],
)
def test_a_plain_number_is_in_percent(written: str, found: float | None) -> None:
    assert percent(read(written)) == found
    assert share(read(written)) == (None if found is None else found / 100)


@pytest.mark.parametrize(
    ("written", "found"), [("1e3", 1000), ("-0.2", -0.2), ('"4"', 4), ("4%", None), (".nan", None), ("no", None)]
)
def test_plain_numbers(written: str, found: float | None) -> None:
    assert number(read(written)) == found


def test_what_says_its_unit() -> None:
    assert [has_unit(read(text)) for text in ("5m", "0.5%", "0.5", '"0.5"', "[]")] == [True, True, False, False, False]
    assert not has_unit(None)


PARTS = st.dictionaries(st.sampled_from("dhms"), st.integers(0, 999), min_size=1)


@given(PARTS)
def test_a_time_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    unit = {"d": 86_400, "h": 3600, "m": 60, "s": 1}

    found = seconds(read("".join(f"{count}{name}" for name, count in parts.items())))

    assert found == sum(unit[name] * count for name, count in parts.items())


@given(st.integers(0, 10**6))
def test_a_percentage_with_its_sign_means_the_same_as_without(thousandths: int) -> None:
    written = f"{thousandths / 1000:.3f}"

    assert percent(read(written)) == percent(read(f"{written}%")) == float(written)

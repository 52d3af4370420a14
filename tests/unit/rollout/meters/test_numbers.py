"""A number, or why there is none; never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event

import pytest

from sluice.errors import Mark
from sluice.rollout.meters.asked import Asker, Names, Reading, close_all, reading, taken
from sluice.rollout.meters.http import value_of
from sluice.rollout.meters.numbers import NoReading, finite, number_in
from sluice.rollout.meters.samples import Seen
from sluice.rollout.meters.tokens import Spent, spent, tokens_read
from sluice.spec.rollout import Ask, Compare, Limits, Measure, MetricRule

AT = Mark("rollout.yaml")
PAIR = ("blue", "green")


@pytest.mark.parametrize(
    ("text", "pointer", "number"),
    [("4.5\n", "", 4.5), ("-1e3", "", -1000), ('{"a": {"b/c": [1, 2]}}', "/a/b~1c/1", 2), ("[0]", "/0", 0)],
)
def test_a_number_is_found(text: str, pointer: str, number: float) -> None:
    assert number_in(text, pointer) == number


@pytest.mark.parametrize(
    ("text", "pointer", "why"),
    [
        ("", "", "answered nothing"),
        ("soon", "", "text, not a number"),
        ("nan", "", "nan"),
        ("inf", "", "inf"),
        ("{", "/a", "not JSON"),
        ('{"a": NaN}', "/a", "nan"),
        ('{"a": "1"}', "/a", "text, not a number"),
        ('{"a": true}', "/a", "true or false"),
        ('{"a": null}', "/a", "null"),
        ('{"a": {}}', "/a", "an object"),
        ('{"a": 1}', "/b", "nothing at that place"),
        ("[1]", "/-", "nothing at that place"),
        ("[1]", "/01", "nothing at that place"),
        ('{"a": 1}', "a", "nothing at that place"),
        ("[" * 100_000, "/0", "not JSON"),
        ("9" * 400, "", "inf"),
    ],
)
def test_what_is_no_number_says_why(text: str, pointer: str, why: str) -> None:
    with pytest.raises(NoReading, match=why):
        number_in(text, pointer)


def test_a_number_too_large_is_none() -> None:
    with pytest.raises(NoReading, match="inf"):
        finite(10**400)


def prometheus(kind: str, result: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def test_a_vector_of_one_and_a_scalar_are_values() -> None:
    assert value_of(prometheus("vector", [{"metric": {}, "value": [1.5, "0.25"]}])) == 0.25
    assert value_of(prometheus("scalar", [1.5, "3"])) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (prometheus("vector", []), "finds no data"),
        (prometheus("vector", [{}, {}]), "2 series"),
        (prometheus("vector", [{}]), "not Prometheus' JSON"),
        (prometheus("vector", "x"), "finds no data"),
        (prometheus("vector", [{"value": [1, "NaN"]}]), "nan"),
        (prometheus("vector", [{"value": [1, "+Inf"]}]), "inf"),
        (prometheus("matrix", []), "gives a matrix"),
        ('{"status": "error"}', "not Prometheus' JSON"),
        ("<html>", "not Prometheus' JSON"),
        ("[]", "not Prometheus' JSON"),
    ],
)
def test_any_other_answer_of_prometheus_is_no_value(text: str, why: str) -> None:
    with pytest.raises(NoReading, match=why):
        value_of(text)


def rule(compare: Compare = Compare.VALUE, query: str = "of ${deployment}") -> MetricRule:
    return MetricRule("spam", Measure.PROMETHEUS, AT, limits=Limits(compare=compare), ask=Ask(query=query))


def said(numbers: dict[str, float]) -> Callable[[Names, Event], float]:
    return lambda names, _: numbers[names.deployment]


@pytest.mark.parametrize(("compare", "number"), [(Compare.VALUE, 6.0), (Compare.DIFFERENCE, 2.0), (Compare.RATIO, 1.5)])
def test_what_is_held_against_the_limits(compare: Compare, number: float) -> None:
    found = reading(rule(compare), said({"blue": 4.0, "green": 6.0}), "shop", PAIR, Event())
    assert found == Reading(number)


def test_a_ratio_to_nothing_is_no_reading() -> None:
    found = reading(rule(Compare.RATIO), said({"blue": 0.0, "green": 6.0}), "shop", PAIR, Event())
    assert found.number is None
    assert "no ratio" in found.trouble


def test_a_comparison_without_the_deployments_name_says_so() -> None:
    found = reading(rule(Compare.RATIO, query="up"), said({}), "shop", PAIR, Event())
    assert (found.number, "${deployment}" in found.trouble) == (None, True)


def test_a_source_that_breaks_tells_no_more_than_that() -> None:
    def broken(_names: Names, _stop: Event) -> float:
        raise RuntimeError("k-secret")

    found = reading(rule(), broken, "shop", PAIR, Event())
    assert (found.number, found.trouble) == (None, "spam: asking broke off (RuntimeError)")


def test_names_stand_in_the_places_left_for_them() -> None:
    assert Names("shop", "green").put_in("${endpoint}/${deployment}/${other}") == "shop/green/${other}"


def test_a_reading_is_taken_once_and_a_slow_source_holds_up_nothing() -> None:
    asked, go = Event(), Event()

    def slow(stop: Event) -> Reading:
        asked.set()
        while not go.wait(0.01) and not stop.is_set():
            pass
        return Reading(1.0)

    quick = Asker(lambda _: Reading(2.0), 3600)
    askers = {"slow": Asker(slow, 3600), "quick": quick}
    for one in askers.values():
        one.start()
    assert asked.wait(10)
    found: dict[str, Reading] = {}
    while "quick" not in found:
        found |= taken(askers)
    assert found == {"quick": Reading(2.0)}
    assert taken(askers) == {}
    close_all(askers)
    assert taken(askers) == {}, "what comes in after the end is no reading"
    assert all(one._thread and not one._thread.is_alive() for one in askers.values())


TOKENS = MetricRule("tokens", Measure.TOKENS, AT, least_requests=3)


def test_tokens_are_the_mean_of_all_good_answers_that_told_them(ended: Callable[..., object]) -> None:
    def answer(of: str, **fields: object) -> Seen:
        return of == "green", ended(**fields)  # type: ignore[return-value]

    seen = [answer("green", tokens=str(10 * n)) for n in range(1, 4)]
    seen += [answer("green"), answer("green", status=500, tokens="999")]
    seen += [answer("blue", tokens="10")] * 3
    before = (Spent(), Spent())
    after = spent(before, seen)
    assert after == (Spent(3, 3, 30), Spent(4, 3, 60))
    assert tokens_read(TOKENS, before, after, "h") == Reading(20.0)
    ratio = MetricRule("tokens", Measure.TOKENS, AT, least_requests=3, limits=Limits(compare=Compare.RATIO))
    assert tokens_read(ratio, before, after, "h") == Reading(2.0)
    assert tokens_read(TOKENS, after, after, "h") is None, "nothing new"


def test_answers_that_tell_no_tokens_are_a_trouble() -> None:
    found = tokens_read(TOKENS, (Spent(), Spent()), (Spent(9, 9, 90), Spent(9, 2, 20)), "x-sluice-tokens")
    assert found == Reading(None, "tokens: 2 of 3 answers told their tokens (header x-sluice-tokens)")

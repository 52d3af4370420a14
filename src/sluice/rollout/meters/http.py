"""Metrics from an HTTP address that answers JSON, and from a Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event
from typing import Any
from urllib.parse import urlencode

from sluice.rollout.meters.asked import Names
from sluice.rollout.meters.numbers import NoReading, finite, number_in, number_of
from sluice.rollout.works.secrets import place, revealed, revealed_all
from sluice.rollout.works.web import Asked, Trouble, ask
from sluice.spec.rollout import Ask

MOST_BYTES = 4 * 1024 * 1024
_QUERY_PATH = "/api/v1/query"


def ask_address(asked: Ask, names: Names, stop: Event) -> float:
    """Return the number behind `asked.path` in the answer to a GET. Raises NoReading, SecretMissing."""
    address = names.put_in(revealed(asked.address))
    return _read(asked, address, names, stop, lambda text: number_in(text, asked.path))


def ask_prometheus(asked: Ask, names: Names, stop: Event) -> float:
    """Return the one value of an instant query. Raises NoReading, SecretMissing.

    `asked.address` is the server's, with or without `/api/v1/query`. The answer is a scalar or a vector of one
    series: with none there is no data; several would be a choice, which a query makes by an aggregation.
    """
    base = names.put_in(revealed(asked.address)).rstrip("/").removesuffix(_QUERY_PATH)
    address = f"{base}{_QUERY_PATH}?{urlencode({'query': names.put_in(asked.query)})}"
    return _read(asked, address, names, stop, value_of)


def value_of(text: str) -> float:
    """Return the value in an answer of Prometheus' HTTP API. Raises NoReading."""
    try:
        found = json.loads(text)
        data = found["data"]
        kind, result = data["resultType"], data["result"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise NoReading("answered something that is not Prometheus' JSON") from None
    if kind == "vector":
        result = _only(result)
    elif kind != "scalar":
        raise NoReading(f"the query gives a {kind}; it must give one number")
    return _sample(result)


def _only(result: Any) -> Any:
    if not isinstance(result, list) or not result:
        raise NoReading("the query finds no data")
    if len(result) > 1:
        raise NoReading(f"the query finds {len(result)} series; make it one, for example with sum(...)")
    return result[0].get("value") if isinstance(result[0], dict) else None


def _sample(sample: Any) -> float:
    """`[time, "value"]`: the value is text, for JSON has no NaN."""
    if not isinstance(sample, list) or len(sample) != 2:
        raise NoReading("answered something that is not Prometheus' JSON")
    return number_of(sample[1]) if isinstance(sample[1], str) else finite(sample[1])


def _read(asked: Ask, address: str, names: Names, stop: Event, number: Callable[[str], float]) -> float:
    """What went wrong begins with host and port: the rest of an address may be secret."""
    try:
        return number(_text(asked, address, names, stop))
    except NoReading as error:
        raise NoReading(f"{place(address)}: {error}") from None


def _text(asked: Ask, address: str, names: Names, stop: Event) -> str:
    headers = {name: names.put_in(value) for name, value in revealed_all(asked.headers).items()}
    request = Asked(address, "GET", headers)
    answer = ask(request, timeout_s=asked.timeout_s, stop=stop, most_bytes=MOST_BYTES)
    if isinstance(answer, Trouble):
        raise NoReading(answer.says)
    if not answer.good:
        raise NoReading(f"answered HTTP {answer.status}")
    return answer.text

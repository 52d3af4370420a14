"""How alike two answers are: a number from 0 to 1. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import fmean
from typing import Any

from sluice.spec.rollout import Likeness

_MISSING = object()
_WORD = re.compile(r"\w+|[^\w\s]")
_MOST_WORDS = 2000  # comparing takes time with the square


@dataclass(frozen=True)
class Reply:
    """What a deployment answered: status and body, or why it did not, and whether by a status of its own."""

    status: int | None
    body: bytes = b""
    trouble: str = ""

    @property
    def good(self) -> bool:
        """Whether it is an answer: 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299

    @property
    def refusal(self) -> bool:
        """Whether the request was refused for what it says; 408 and 429 are about load, 401 and 403 about the door."""
        return self.status is not None and 400 <= self.status <= 499 and self.status not in {401, 403, 408, 429}


def by_status(stable: Reply, green: Reply) -> tuple[float | None, str] | None:
    """Return likeness and reason where the statuses decide; None where the bodies must.

    Where the stable deployment answers, a new one that does not is 0. Where the stable one refuses the request, the
    same status is 1 and anything else 0. Where the stable one gives neither an answer nor a refusal (a server's
    error, too much load, no answer), there is nothing to compare with: no number.
    """
    if stable.good:
        return None if green.good else (0.0, f"stable answers, the new one does not ({_shown(green)})")
    if not stable.refusal:
        return None, f"stable gives no answer ({_shown(stable)})"
    same = stable.status == green.status
    return (1.0, f"both refuse ({stable.status})") if same else (0.0, f"{_shown(stable)} became {_shown(green)}")


def by_body(likeness: Likeness, fields: Sequence[str], stable: bytes, green: bytes) -> tuple[float, str]:
    """Return likeness and reason for two good answers; COMMAND is not one of those that are told here."""
    if likeness is Likeness.FIELDS:
        return by_fields(fields, parsed(stable), parsed(green))
    if likeness is Likeness.SIMILARITY:
        return similarity(words_of(stable, fields), words_of(green, fields)), ""
    return (1.0, "") if equal(parsed(stable), parsed(green)) else (0.0, "not equal")


def by_fields(fields: Sequence[str], stable: Any, green: Any) -> tuple[float, str]:
    """Return the share of the JSON pointers behind which both hold the same, or both nothing; and which differ."""
    unlike = [one for one in fields if not equal(pointed(stable, one), pointed(green, one))]
    return 1 - len(unlike) / len(fields) if fields else 0.0, f"differs at {', '.join(unlike)}" if unlike else ""


def nowhere(fields: Sequence[str], answers: Sequence[Any]) -> list[str]:
    """Return the pointers that lead to something in none of the answers: most likely they are misspelt."""
    return [one for one in fields if all(pointed(answer, one) is _MISSING for answer in answers)]


def parsed(body: bytes) -> Any:
    """Return the JSON value that a body is, else its text, stripped."""
    text = body.decode(errors="replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal: 1 and 1.0 are, 1 and true are not; the order of keys does not count."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def pointed(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) leads to, or a value that equals only itself where it leads nowhere."""
    if not pointer:
        return value
    if not pointer.startswith("/"):
        return _MISSING
    for part in pointer[1:].split("/"):
        value = _child(value, part.replace("~1", "/").replace("~0", "~"))
    return value


def _child(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name, _MISSING)
    if isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
        return value[int(name)]
    return _MISSING


def words_of(body: bytes, fields: Sequence[str] = ()) -> list[str]:
    """Return the words and signs of an answer's values (keys say nothing): those behind `fields`, or all."""
    value = parsed(body)
    chosen = [pointed(value, one) for one in fields] if fields else [value]
    return [word for one in chosen for text in _texts(one) for word in _WORD.findall(text)]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """Return twice the words both have in the same order, by the words of both; of the first 2,000 of each."""
    return SequenceMatcher(None, one[:_MOST_WORDS], other[:_MOST_WORDS], autojunk=False).ratio()


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key in sorted(value) for text in _texts(value[key])]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else [] if value is _MISSING else [json.dumps(value)]


def _shown(reply: Reply) -> str:
    return f"status {reply.status}" if reply.status is not None else reply.trouble


def mean_and_worst(found: Sequence[float]) -> tuple[float, float]:
    """Return mean and least of likenesses; there is at least one."""
    return fmean(found), min(found)

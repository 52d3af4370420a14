"""Walks that have ended: as a table, as Markdown for a pull request, as JSON; and the receipt of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

from sluice.rollout.files import Ended
from sluice.rollout.machine import shown
from sluice.rollout.models import Phase
from sluice.rollout.show import plain_receipt, plain_tallied
from sluice.rollout.show_words import Line, Tone, aligned, cleaned, day_and_time, duration, stamp, words_of, wrapped
from sluice.rollout.world import Tallied

Json = dict[str, Any]
Receipt = Mapping[str, Mapping[str, Tallied]]
_MENTION = re.compile(r"(?<!\w)@")
WHEN = ("before", "during", "after")
HOW_COUNTED = (
    "Counted from the gateway's access log, where each request has one line. Lost to the switch are those that no"
    " server answered for a reason a switch can cause: no route, no healthy replica, a connection broken off."
)


def history_lines(walks: Sequence[Ended], zone: tzinfo | None = None) -> list[Line]:
    """Return walks as lines, in the order given; times in `zone`, or the machine's own."""
    return [line for one in walks for line in _of_walk(one, zone)]


def markdown_of(walks: Sequence[Ended]) -> str:
    """Return walks as a Markdown table, in the order given; times in UTC, for readers elsewhere."""
    head = ("ended (UTC)", "endpoint", "from -> to", "how", "why", "requests", "failed because of the switch", "who")
    align = ("---", "---", "---", "---", "---", "--:", "--:", "---")
    rows = [head, align, *(_cells(one) for one in walks)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plain_history(walks: Sequence[Ended]) -> Json:
    """Return walks as JSON, in the order given: a shape that scripts rely on. Times are RFC 3339."""
    return {"rollouts": [plain_ended(one) for one in walks]}


def plain_ended(one: Ended) -> Json:
    """Return one walk as JSON."""
    total = total_of(one.receipt)
    return {
        "id": one.id,
        "endpoint": one.endpoint,
        "stable_deployment": one.blue,
        "green_deployment": one.green,
        "from": dict(one.stable),
        "to": dict(one.goal),
        "stable_version": one.stable_version,
        "version": one.version,
        "began": stamp(one.began),
        "ended": stamp(one.ended),
        "phase": str(one.phase),
        "step": one.step + 1,
        "says": cleaned(one.says),
        "who": cleaned(one.who),
        "forgiven": one.forgiven,
        **plain_tallied(total),
        "receipt": plain_receipt(one),
    }


def receipt_lines(one: Ended) -> list[Line]:
    """Return the receipt of a walk: requests per deployment before, during and after, what failed, what was lost."""
    total = total_of(one.receipt)
    if not total.requests:
        return [Line("RECEIPT", "head"), Line("  no request was counted")]
    rows = [("", *WHEN, "failed", "lost to the switch"), *_receipt_rows(one.receipt)]
    lost = Line(f"  lost to the switch: {total.lost} of {total.requests} requests", "bad" if total.lost else "good")
    table = (Line(f"  {text}") for text in aligned(rows, frozenset(range(1, 6))))
    return [Line("RECEIPT", "head"), *table, lost, *(Line(text, "dim") for text in wrapped(HOW_COUNTED, 2))]


def total_of(receipt: Receipt) -> Tallied:
    """Return all requests of a receipt."""
    return sum((one for part in receipt.values() for one in part.values()), Tallied())


def _of_walk(one: Ended, zone: tzinfo | None) -> Iterator[Line]:
    tone: Tone = "good" if one.phase is Phase.DONE else "bad"
    total = total_of(one.receipt)
    took = duration(one.ended - one.began)
    head = f"{day_and_time(one.ended, zone)}  {one.endpoint}: {_way(one)}, {words_of(one.phase)} after {took}"
    yield from (Line(text, tone) for text in wrapped(head, 2))
    yield from (Line(text) for text in wrapped(one.says, 6)) if one.says else ()
    facts = f"{total.requests} requests, {total.failed} failed, {total.lost} of them because of the switch"
    who = f"; {one.who}" if one.who else ""
    again = "; forgiven: the next `sluice up` tries it again" if one.forgiven else ""
    yield from (Line(text, "dim") for text in wrapped(f"{facts}{who}{again}", 6))


def _way(one: Ended) -> str:
    return f"{shown(one.stable)} -> {shown(one.goal)}"


def _cells(one: Ended) -> tuple[str, ...]:
    total = total_of(one.receipt)
    when = day_and_time(one.ended, UTC)
    words = (when, one.endpoint, _way(one), words_of(one.phase), one.says)
    return (*map(_cell, words), str(total.requests), str(total.lost), _cell(one.who))


def _cell(text: str) -> str:
    """Return a text that stays one cell, and is text: no tag, no link, no mention of a person."""
    plain = cleaned(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|`*_[]#~":
        plain = plain.replace(sign, f"\\{sign}")
    return _MENTION.sub("@\u200b", plain) or "-"


def _receipt_rows(receipt: Receipt) -> Iterator[tuple[str, ...]]:
    names = dict.fromkeys(name for when in WHEN for name in receipt.get(when, {}))
    for name in sorted(names, key=lambda one: (not one, one)):
        parts = [receipt.get(when, {}).get(name, Tallied()) for when in WHEN]
        total = sum(parts, Tallied())
        counts = (*(one.requests for one in parts), total.failed, total.lost)
        yield (name or "reached none", *map(str, counts))

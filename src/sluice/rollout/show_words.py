"""Numbers, times and texts as people read them: short, at most 80 columns, no control characters. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal, NamedTuple

WIDTH = 80
Tone = Literal["plain", "head", "good", "bad", "wait", "dim"]
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # what colours a server's log lines


class Line(NamedTuple):
    """A line of text, and what it is: whoever prints it chooses a colour for that."""

    text: str
    tone: Tone = "plain"


def cleaned(text: str) -> str:
    """Return a text from outside as one line a terminal can't be steered by."""
    printable = (sign if sign.isprintable() else " " for sign in _ESCAPES.sub("", text))
    return " ".join("".join(printable).split())


def duration(seconds: float) -> str:
    """Return a time as `45 s`, `3 min 20 s`, `2 h 5 min` or `3 d 4 h`: its two greatest units; none is below 0 s."""
    left = max(0, round(seconds))
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        parts.append(f"{count} {unit}" if count else "")
    first = next((at for at, part in enumerate(parts) if part), len(parts) - 1)
    return " ".join(part for part in parts[first : first + 2] if part) or "0 s"


def percent(share: float) -> str:
    """Return a share of 0 to 1 as percent with three digits."""
    return f"{100 * share:.3g} %"


def bounds(low: float, high: float) -> str:
    """Return an interval of shares as percent, as exact as such bounds are: `0.02 to 3.55 %`."""
    ends = (f"{100 * share:.2f}".rstrip("0").rstrip(".") for share in (low, high))
    return f"{' to '.join(ends)} %"


def words_of(phase: str) -> str:
    """Return a phase as people read it: `rolled back`."""
    return phase.replace("_", " ")


def weights_of(weights: Mapping[str, int]) -> str:
    """Return all weights, those of 0 too: `blue=90 green=10`."""
    return " ".join(f"{name}={weight}" for name, weight in weights.items()) or "none"


def clock(seconds: float, zone: tzinfo | None = None) -> str:
    """Return the time of day, in `zone` or the machine's own."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%H:%M:%S")


def day_and_time(seconds: float, zone: tzinfo | None = None) -> str:
    """Return day and time to the minute, in `zone` or the machine's own."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def stamp(seconds: float) -> str:
    """Return a time as scripts read it: RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shortened(text: str, width: int) -> str:
    """Return a text in at most `width` columns."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def wrapped(text: str, indent: int, first: str = "") -> list[str]:
    """Return a text as lines of at most 80 columns; `first` stands in the indentation of the first."""
    space = " " * indent
    together = cleaned(text).replace(" %", "\u00a0%")
    found = textwrap.wrap(together, WIDTH, initial_indent=first.ljust(indent), subsequent_indent=space)
    return [line.replace("\u00a0", " ") for line in found]


def aligned(rows: Iterable[Sequence[object]], numbers: frozenset[int] = frozenset()) -> list[str]:
    """Return rows as lines whose columns stand below each other; columns in `numbers` end in line."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    ]

"""How one request ended: a line of Envoy's access log (`envoy/door.py`) as a value. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sluice.rollout.world import Tallied

JUDGED_KINDS: Final = frozenset({"live", "cohort"})
"""Requests that name their deployment by header are tests, loads and comparisons: no gate looks at them."""

NOT_FAILED: Final[Mapping[int, str]] = {
    401: "the door: the caller's key or token is missing or wrong",
    404: "the address: nothing is there under that path or name",
    429: "the limit: more requests at once than the deployment's settings allow; nothing was done wrong",
}
"""Statuses from 400 on that no deployment is blamed for, and what they tell of instead.

All others are failures, 4xx too: prompt flow answers 400 when a node of the flow raises. So is 408, which the gateway
answers where the deployment did not in time: one that hangs must not pass a gate that counts errors alone.
"""

# Response flags of Envoy. A timeout: UT of the route, UMSDR of the whole stream, SI of a silent one.
_TIMEOUTS: Final = frozenset({"UT", "UMSDR", "SI"})
# An answer that had begun broke off: UC the connection, UR a reset, UPE not HTTP any more (a cut chunk).
_BROKEN: Final = frozenset({"UC", "UR", "UPE"}) | _TIMEOUTS
# No route, no cluster, no healthy replica, no connection to it, connection gone, no retry left.
_LOST: Final = frozenset({"NR", "NC", "UH", "UF", "UC", "URX"})
_SCORES: Final = "POST"
_CALLER_LEFT: Final = "DC"
# What the caller sent is not HTTP: he can break off his own body so, behind the door.
_CALLER_ERRED: Final = "DPE"
_ANSWERED: Final = "via_upstream"
_CUT: Final = "upstream_reset_after_response_started"
_MOST: Final = 1e12
_TIMED_OUT: Final = 408


class Outcome(NamedTuple):
    """One request.

    Attributes:
        deployment: the one that its route led to; empty where it had none.
        kind: of the route: `live` by weight, `cohort`, `named` by header; empty where it had none.
        status: what the caller got; 0 where the caller left before that.
        flags: Envoy's response flags, comma-separated; `-` for none.
        details: Envoy's response code details.
        replica: whether a replica was tried.
        ms: milliseconds from the request's last byte to the answer's last byte, as the gateway saw them; of an
            answer that did not end, of the whole request.
        tokens: what the answer said it cost; None where it said nothing.
        began: as the log has it: UTC, ISO 8601, milliseconds; so texts are in the order of time.
        method: of the request, such as POST.
    """

    deployment: str
    kind: str
    status: int
    flags: str
    details: str
    replica: bool
    ms: float
    tokens: float | None
    began: str
    method: str = _SCORES

    @property
    def reached(self) -> bool:
        """Whether it got past the door: an answer of Envoy's own filters has neither a replica nor a flag."""
        return self.replica or self.flags != "-"

    @property
    def judged(self) -> bool:
        """Whether a gate may look at it: pings and descriptions are not scored, and tell nothing of a model."""
        return self.kind in JUDGED_KINDS and self.reached and self.method == _SCORES

    @property
    def failed(self) -> bool:
        """Whether the deployment failed it: by its status, or by an answer that broke off.

        A caller that left, or that sent what is not HTTP, is not the deployment's failure.
        """
        if self.status >= 400:
            return self.status not in NOT_FAILED and not self.caller_erred
        return self.flags != "-" and self.status > 0 and not _BROKEN.isdisjoint(self.flags.split(","))

    @property
    def lost(self) -> bool:
        """Whether no server answered it, for a reason that a switch can cause; an upper bound of what one lost.

        That is: no route or none with weight (NR, or Envoy's own 503), no cluster (NC), no healthy replica (UH), no
        connection to one (UF, URX), a connection that broke off before the answer (UC) or in the middle of it. A
        replica that crashes looks the same, and is counted too. Not lost: a whole answer of a server, whatever its
        status; a timeout; a refusal by limit; a caller that left (DC).
        """
        if self.flags == "-":
            return self.status == 503 and self.details == "direct_response"
        flags = self.flags.split(",")
        if _CALLER_LEFT in flags or self.details == _ANSWERED or not _TIMEOUTS.isdisjoint(flags):
            return False
        return not _LOST.isdisjoint(flags) or self.details.startswith(_CUT)

    @property
    def ended(self) -> bool:
        """Whether it is known how it ended: not where the caller left before the answer, or sent no HTTP."""
        return self.status > 0 and not self.caller_erred

    @property
    def caller_erred(self) -> bool:
        """Whether the caller sent what is not HTTP."""
        return _CALLER_ERRED in self.flags.split(",")

    @property
    def timed(self) -> bool:
        """Whether its time tells of the deployment's speed.

        Not of failures, which are quick or slow for reasons of their own. It tells of a timeout, and of a caller
        that left: both waited at least so long.
        """
        tried = self.replica or not _TIMEOUTS.isdisjoint(self.flags.split(","))
        return tried and not self.caller_erred and (self.status == _TIMED_OUT or not self.failed)


def outcome(line: bytes) -> Outcome | None:
    """Return what a line says; None for one that is not whole. Never raises.

    A gateway that was killed may have cut its last line short, with the next one written right behind.
    """
    text = line.decode(errors="replace")
    found = _object(text)
    if found is None and (start := text.rfind('{"')) > 0:
        found = _object(text[start:])
    return None if found is None else _outcome(found)


def tallied(outcomes: Iterable[Outcome]) -> dict[str, Tallied]:
    """Return the requests of each deployment; those that reached none stand under the empty name."""
    counts: dict[str, list[int]] = {}
    for one in outcomes:
        count = counts.setdefault(one.deployment if one.reached else "", [0, 0, 0])
        count[0] += 1
        count[1] += one.failed
        count[2] += one.lost
    return {name: Tallied(*count) for name, count in counts.items()}


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "status" in found else None


def _outcome(found: dict[str, Any]) -> Outcome:
    served = _number(found.get("served_us"))
    return Outcome(
        deployment=_text(found.get("deployment")),
        kind=_text(found.get("kind")),
        status=int(_number(found.get("status")) or 0),
        flags=_text(found.get("flags")) or "-",
        details=_text(found.get("details")),
        replica=bool(found.get("replica")),
        ms=served / 1000 if served is not None else _number(found.get("ms")) or 0.0,
        tokens=_told(found.get("tokens")),
        began=_text(found.get("time")),
        method=_text(found.get("method")) or _SCORES,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """A number as Envoy writes them; not NaN, which compares with nothing."""
    return value if isinstance(value, (int, float)) and 0 <= value < _MOST else None


def _told(value: object) -> float | None:
    """A server may say anything in its header."""
    if value is None:
        return None
    try:
        return _number(float(value)) if isinstance(value, str) and len(value) < 32 else _number(value)
    except ValueError:
        return None

"""What `sluice access` says, as a table, JSON and Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sluice.report import table


@dataclass(frozen=True)
class Row:
    """One need, in words: a shape scripts rely on.

    Attributes:
        who: a name; `kind` is endpoint, identity, you or submitter.
        role: name of the role.
        scope: as people say it; `scope_id` is the ARM id.
        why: what does not work without it.
        given_by: who gives it.
        optional: the stack can do without.
        state: held, missing, later (it is not there yet), unknown; empty where nothing was looked at.
        detail: more about the state.
        az: the line that gives it; empty where there is none.
    """

    who: str
    kind: str
    role: str
    scope: str
    scope_id: str
    why: str
    given_by: str
    optional: bool = False
    state: str = ""
    detail: str = ""
    az: str = ""


def as_json_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as plain JSON; `state` is null where nothing was looked at."""
    return [asdict(row) | {"state": row.state or None} for row in rows]


def text(rows: Sequence[Row]) -> str:
    """Return a table; below it what is missing in detail, and the lines for an administrator."""
    if not rows:
        return "nobody needs a role"
    parts = [table(_head(rows), [_cells(row) for row in rows])]
    parts += _details(rows)
    if lines := admin_lines(rows):
        parts.append("\nFor an administrator:\n" + "\n".join(f"  {line}" for line in lines))
    return "\n".join(parts)


def markdown(stack: str, rows: Sequence[Row]) -> str:
    """Return a page: a table, and the lines for an administrator as a block."""
    head = _head(rows)
    lines = [f"# Access of stack {stack}", "", _line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(row)) for row in rows]
    lines += ["", *_details(rows)] if _details(rows) else []
    if asked := admin_lines(rows):
        lines += ["", "For an administrator:", "", "```sh", *asked, "```"]
    return "\n".join(lines)


def admin_lines(rows: Iterable[Row]) -> list[str]:
    """Return the `az` lines that somebody else has to run, each once.

    Where nothing was looked at: what only an administrator gives to identities. Else: all that is missing, but for
    what Azure gives by itself.
    """
    wanted = (row for row in rows if row.az and (row.state == "missing" or (not row.state and _by_admin(row))))
    return list(dict.fromkeys(row.az for row in wanted if row.given_by != "Azure"))


def _by_admin(row: Row) -> bool:
    return row.given_by == "an administrator" and row.kind == "identity"


def _head(rows: Iterable[Row]) -> list[str]:
    checked = any(row.state for row in rows)
    return [*(["state"] if checked else []), "who", "role", "where", "why", "given by"]


def _cells(row: Row) -> list[str]:
    role = f"{row.role} (optional)" if row.optional else row.role
    return [*([row.state] if row.state else []), row.who, role, row.scope, row.why, row.given_by]


def _details(rows: Iterable[Row]) -> list[str]:
    return [f"{row.who}, {row.role} at {row.scope}: {row.detail}" for row in rows if row.detail]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"

"""Runs side by side as one HTML page that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from sluice.runs.scoring import means, scores_of
from sluice.runs.store import RunFolder

MOST_LINES: Final = 2000
"""Lines on a page: a browser does not show more of them well."""

_LONGEST: Final = 2000


def page(runs: Sequence[RunFolder]) -> str:
    """Return the page: what the runs are, their means and metrics, and their lines, the first 2,000."""
    template = (files("sluice") / "templates" / "runs.html").read_text(encoding="utf-8")
    title = ", ".join(run.name for run in runs)
    parts = {"TITLE": _text(title), "RUNS": _summary(runs), "METRICS": _metrics(runs), "LINES": _lines(runs)}
    for name, part in parts.items():
        template = template.replace(f"<!--{name}-->", part)
    return template


def _summary(runs: Sequence[RunFolder]) -> str:
    rows = (_summary_row(run.record()) for run in runs)
    return _table(("run", "status", "lines", "failed", "of", "data", "base", "created", "seconds", "tokens"), rows)


def _summary_row(record: dict[str, Any]) -> tuple[Any, ...]:
    lines, asked, flow, data = record["lines"], record["endpoint"], record["flow"], record["data"]
    of = f"{asked['name'] or asked['url']} {asked['deployment']}" if asked else flow["path"] if flow else ""
    return (
        record["name"],
        record["status"],
        f"{lines['completed']} of {lines['total']}",
        lines["failed"],
        of,
        f"{data['path']} ({data['sha256'][:12]})" if data else "",
        record["base"] or "",
        record["created"],
        record["seconds"],
        record["tokens"],
    )


def _metrics(runs: Sequence[RunFolder]) -> str:
    found = {run.name: _metrics_of(run) for run in runs}
    names = dict.fromkeys(name for metrics in found.values() for name in metrics)
    rows = ((name, *(metrics.get(name, "") for metrics in found.values())) for name in names)
    return _table(("metric", *found), rows) if names else "<p>No numeric outputs.</p>"


def _metrics_of(run: RunFolder) -> dict[str, str]:
    shown = {f"{name} (aggregated)": str(value) for name, value in run.metrics().items()}
    for one in means(scores_of(run)):
        mean, low, high = one.shown()
        shown[f"{one.metric} (mean of lines)"] = f"{mean} ({low} to {high})" if low else mean
    return shown


def _lines(runs: Sequence[RunFolder]) -> str:
    found = [list(islice(run.rows(), MOST_LINES)) for run in runs]
    inputs = tuple(dict.fromkeys(name for row in found[0] for name in row["inputs"]))
    outputs = [tuple(dict.fromkeys(name for row in rows for name in row.get("output") or {})) for rows in found]
    head = ["line", *inputs]
    for run, names in zip(runs, outputs, strict=True):
        own = f"{run.name}: " if len(runs) > 1 else ""
        head += [*(f"{own}{name}" for name in names), f"{own}error", f"{own}seconds"]
    more = runs[0].record()["lines"]["total"] - MOST_LINES
    note = f"<p>The first {MOST_LINES} lines; {more} more are in results.jsonl.</p>" if more > 0 else ""
    return note + _table(head, _line_rows(found, inputs, outputs), sortable=True)


def _line_rows(
    found: Sequence[Sequence[dict[str, Any]]], inputs: Sequence[str], outputs: Sequence[Sequence[str]]
) -> Iterator[tuple[Any, ...]]:
    by_line = [{row["line"]: row for row in rows} for rows in found]
    for number in sorted({line for rows in by_line for line in rows}):
        first = next(rows[number] for rows in by_line if number in rows)
        cells: list[Any] = [number, *(first["inputs"].get(name, "") for name in inputs)]
        for rows, names in zip(by_line, outputs, strict=True):
            row = rows.get(number, {})
            output = row.get("output") or {}
            cells += [*(output.get(name, "") for name in names), row.get("error") or "", row.get("seconds", "")]
        yield tuple(cells)


def _table(head: Sequence[str], rows: Any, *, sortable: bool = False) -> str:
    names = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    kind = ' class="lines"' if sortable else ""
    return f"<table{kind}><thead><tr>{names}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _cell(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"<td{' class=n' if number else ''}>{_text(text[:_LONGEST])}{'…' if len(text) > _LONGEST else ''}</td>"


def _text(text: str) -> str:
    return html.escape(text)

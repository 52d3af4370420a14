"""`sluice run`: runs of flows and endpoints over data, and what became of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluice.cli import run_create
from sluice.cli.common import Json, Yes, confirm, project
from sluice.errors import NotFound, UsageError
from sluice.report import note, say, say_json, table

if TYPE_CHECKING:
    from sluice.runs.store import Record, RunFolder

RunName = Annotated[str, typer.Argument(metavar="NAME", help="The run.")]
_LOOK_S = 0.2
_CANCEL_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Run flows, or ask endpoints, for every line of a data file.", no_args_is_help=True)
    group.command("create")(run_create.create)
    for name, verb in (
        ("list", list_runs),
        ("show", show),
        ("stream", stream),
        ("details", details),
        ("metrics", metrics),
        ("visualize", visualize),
        ("cancel", cancel),
        ("archive", archive),
    ):
        group.command(name)(verb)
    app.add_typer(group, name="run")


def _run(name: str) -> RunFolder:
    from sluice.runs.store import RunStore

    return RunStore(project()).get(name)


def list_runs(
    everything: Annotated[bool, typer.Option("--all", help="Archived ones too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> int:
    """List the runs of this project, the newest first.

    Example: sluice run list --limit 10
    """
    from sluice.runs.store import RunStore

    records = [folder.record() for folder in RunStore(project()).all()]
    kept = [one for one in records if everything or not one["archived"]][:limit]
    if as_json:
        say_json({"runs": kept})
    else:
        say(table(("name", "status", "lines", "failed", "of", "base", "created"), map(_row, kept)))
    return 0


def _row(record: Record) -> tuple[Any, ...]:
    lines = record["lines"]
    done = f"{lines['completed']}/{lines['total']}"
    created = record["created"][:19].replace("T", " ")
    return (record["name"], record["status"], done, lines["failed"], _of(record), record["base"] or "", created)


def _of(record: Record) -> str:
    asked, flow = record["endpoint"], record["flow"]
    if asked:
        return " ".join(part for part in (asked["name"] or asked["url"], asked["deployment"]) if part)
    return Path(flow["path"]).name if flow else "?"


def show(name: RunName) -> int:
    """Show what is known of a run, as JSON: flow and its hash, data and its hash, mapping, counts, folder.

    Example: sluice run show qa-blue_20260101_120000_000000
    """
    folder = _run(name)
    say_json({**folder.record(), "folder": str(folder.path)})
    return 0


def stream(
    name: RunName,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until the run ends.")] = True,
) -> int:
    """Print the results of a run as they come, then the last lines of its log.

    Ends with status 0 when the run is completed, 1 when it failed, 3 when it has not ended.

    Example: sluice run stream NAME
    """
    folder = _run(name)
    position = 0
    while True:
        status = folder.record()["status"]
        found, position = folder.journal.follow(position)
        for one in found:
            said = f"failed: {one['error']}" if one.get("error") else str(one.get("output"))[:200]
            say(f"line {one['line']}: {said}")
        if not follow or status not in {"preparing", "running"}:
            break
        time.sleep(_LOOK_S)
    _tell_log(folder)
    note(f"{name}: {status}")
    return {"completed": 0, "failed": 1}.get(status, 3)


def _tell_log(folder: RunFolder) -> None:
    from sluice.targets.local.files import tail

    lines = tail(folder.log, 20)
    if lines:
        note(f"the last lines of {folder.log}:")
    for line in lines:
        note(f"  {line}")


def details(
    name: RunName,
    worst: Annotated[
        int | None, typer.Option("--worst", min=1, help="Only so many: those that failed, then the lowest --metric.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="The output that --worst sorts by.")] = None,
    highest: Annotated[bool, typer.Option("--highest", help="With --worst: high is bad.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many lines at most.")] = 100,
    as_json: Json = False,
) -> int:
    """Show the lines of a run: inputs, outputs, errors.

    Examples: sluice run details NAME | sluice run details NAME --worst 5 --metric relevance
    """
    from sluice.runs.details import cells, worst_of

    rows = _run(name).rows()
    found = worst_of(rows, worst, metric, highest=highest) if worst else list(_first(rows, limit))
    if as_json:
        say_json({"lines": found})
    else:
        say(table(*cells(found)))
    return 0


def _first(rows: Any, limit: int) -> Any:
    from itertools import islice

    return islice(rows, limit)


def metrics(name: RunName, as_json: Json = False) -> int:
    """Show the metrics of a run: of its aggregation, and the mean of each numeric output with an interval.

    Example: sluice run metrics NAME --json
    """
    from sluice.runs.scoring import means, plain_means, scores_of

    folder = _run(name)
    record = folder.record()
    if record["status"] != "completed":
        raise UsageError(
            f"run {name} is {record['status']}: metrics are of whole runs",
            remedy=f"Finish it: sluice run create --resume {name}",
        )
    aggregated, found = folder.metrics(), means(scores_of(folder))
    if as_json:
        say_json({"metrics": aggregated, "means": plain_means(found)})
        return 0
    rows = [(key, value, "", "", "aggregated") for key, value in aggregated.items()]
    rows += [(one.metric, *one.shown(), f"mean of {one.cases} lines") for one in found]
    say(table(("metric", "value", "low", "high", "of"), rows) if rows else "the run has no numeric outputs")
    return 0


def visualize(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The runs, side by side.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; in the run's folder unless told.")
    ] = None,
) -> int:
    """Write a page of a run, or of several side by side: one HTML file that needs nothing else.

    Example: sluice run visualize NAME OTHER --output runs.html
    """
    from sluice.runs.page import page
    from sluice.targets.local.files import write_private

    folders = [_run(name) for name in names]
    target = output or folders[0].path / "run.html"
    write_private(target.absolute(), page(folders))
    say(target.absolute().as_uri())
    return 0


def cancel(name: RunName, yes: Yes = False) -> int:
    """Stop a run; what is done stays, and `sluice run create --resume` goes on with it.

    Ends with status 0 when nothing drives it any more.

    Example: sluice run cancel NAME --yes
    """
    folder = _run(name)
    status = folder.record()["status"]
    if status in {"completed", "failed", "cancelled"}:
        raise UsageError(f"run {name} is {status}: there is nothing to stop")
    if not confirm(f"Stop run {name}?", yes=yes):
        return 1
    folder.order_cancel()
    deadline = time.monotonic() + _CANCEL_S
    while folder.driven():
        if time.monotonic() > deadline:
            raise NotFound(f"run {name} has not stopped within {_CANCEL_S:g} s", remedy="Look: sluice run stream")
        time.sleep(_LOOK_S)
    record = folder.record()
    if record["status"] == "interrupted":
        folder.save(record | {"status": "cancelled"})
    say(f"{name}: {folder.record()['status']}")
    return 0


def archive(
    name: RunName, restore: Annotated[bool, typer.Option("--restore", help="Show it in lists again.")] = False
) -> int:
    """Leave a run out of lists; nothing of it is removed.

    Example: sluice run archive NAME
    """
    folder = _run(name)
    with folder.driving():
        folder.save(folder.record() | {"archived": not restore})
    say(f"{name}: {'restored' if restore else 'archived'}")
    return 0

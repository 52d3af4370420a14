"""`sluice run create`: run a flow, or ask an endpoint, for every line of a data file."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, chosen_endpoint, local_target, project
from sluice.cli.run_progress import shown
from sluice.errors import UsageError
from sluice.report import note, say, say_json

if TYPE_CHECKING:
    from sluice.runs.creating import Asked
    from sluice.runs.results import Executor
    from sluice.runs.store import Record, RunFolder
    from sluice.spec.diagnostics import Diagnostic
    from sluice.spec.flags import Flags

File = Annotated[Path | None, typer.Option("--file", "-f", help="The run.yml.")]
Name = Annotated[str | None, typer.Option("--name", help="The run's name; without it one of the flow and the time.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Lay a value over the file's.")]
Base = Annotated[str | None, typer.Option("--run", help="The base run: its outputs are read.")]
Stream = Annotated[bool, typer.Option("--stream", help="Print each line's result as it comes.")]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, max=256, help="Lines at once.")]
LineTimeout = Annotated[float, typer.Option("--line-timeout", min=0.1, help="Seconds a line may take.")]
Endpoint = Annotated[str | None, typer.Option("--endpoint", "-e", help="Ask this endpoint instead of a flow.")]
Deployment = Annotated[
    str | None, typer.Option("--deployment", "-d", help="Ask this deployment of it, whatever its weight.")
]
Url = Annotated[str | None, typer.Option("--url", help="Ask this address instead of a flow.")]
Headers = Annotated[
    Path | None, typer.Option("--headers-file", help="A JSON file with headers for --url, as its credential.")
]


@dataclass(frozen=True)
class Target:
    """Who is asked instead of a flow; all None for a flow."""

    stack: str = DEFAULT_STACK
    endpoint: str | None = None
    deployment: str | None = None
    url: str | None = None
    headers: Path | None = None

    @property
    def given(self) -> bool:
        """Whether a server is asked."""
        return bool(self.endpoint or self.deployment or self.url)

    def resolved(self) -> tuple[Asked | None, Mapping[str, str]]:
        """Return who is asked, and the headers of requests. Raises UsageError, NotFound."""
        if not self.given:
            return None, {}
        from sluice.runs import servers
        from sluice.runs.asking import DEPLOYMENT

        if self.url:
            if self.endpoint:
                raise UsageError("--url and --endpoint name two servers", remedy="Give one of the two.")
            more = {DEPLOYMENT: self.deployment} if self.deployment else {}
            return servers.asked_address(self.url, self.deployment), {**servers.file_headers(self.headers), **more}
        state = chosen_endpoint(local_target(self.stack), self.endpoint)
        return servers.asked_endpoint(state, self.deployment), servers.endpoint_headers(state, self.deployment)


@dataclass(frozen=True)
class Pace:
    """How many lines at once, and how long one may take."""

    workers: int
    line_timeout_s: float


def create(
    file: File = None,
    stream: Stream = False,
    name: Name = None,
    assignments: Set = None,
    base: Base = None,
    stack: Stack = DEFAULT_STACK,
    workers: Workers = 4,
    line_timeout: LineTimeout = 600.0,
    endpoint: Endpoint = None,
    deployment: Deployment = None,
    url: Url = None,
    headers: Headers = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with a run that did not end.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="With --resume: run lines that failed again.")] = False,
    as_json: Json = False,
) -> int:
    """Run a flow for every line of its data, in the flow's own environment; or ask an endpoint the same lines.

    A line that fails does not stop the others. Ctrl-C leaves what is done; `--resume` goes on from there.

    Ends with status 0 when the run is completed and a line succeeded, 1 when none did or the aggregation failed, 130
    when it was stopped.

    Examples: sluice run create -f run.yml | sluice run create -f evaluations/run_evaluation.yml --run NAME --stream |
    sluice run create -f run.yml --endpoint qa --deployment green | sluice run create --resume NAME
    """
    target = Target(stack, endpoint, deployment, url, headers)
    if resume:
        record = resumed(resume, target, stream=stream, quiet=as_json, again=failed)
    elif file is None:
        raise UsageError("a run.yml is needed", remedy="Name it: sluice run create -f run.yml")
    else:
        given = Given(file, _flags(name, base, assignments or []))
        record = created(given, target, Pace(workers, line_timeout), stream=stream, quiet=as_json)
    if as_json:
        say_json(record)
    else:
        tell(record)
    return status_of(record)


def _flags(name: str | None, base: str | None, assignments: Sequence[str]) -> Flags:
    from sluice.spec.flags import Flags

    return Flags.of(name, None, [*assignments, *([f"run={base}"] if base else [])])


@dataclass(frozen=True)
class Given:
    """A file, what the command line lays over it, and keys of it that don't count."""

    file: Path
    flags: Flags
    ignored: tuple[str, ...] = ()


def created(given: Given, target: Target, pace: Pace, *, stream: bool, quiet: bool) -> Record:
    """Make a run of a file and drive it to its end. Raises SluiceError."""
    from sluice.runs.creating import Wish, make_run
    from sluice.runs.definition import OF_FLOWS, read_definition
    from sluice.targets.local.environments import Talk

    root = project()
    if not given.file.is_file():
        raise UsageError(f"{given.file}: no such file", remedy="Name a run.yml.")
    asked, headers = target.resolved()
    ignored = (*given.ignored, *(OF_FLOWS if asked else ()))
    definition, found = read_definition(given.file, root, given.flags, ignored)
    _tell_warnings(found)
    with shown(stream=stream, quiet=quiet) as watcher, stoppable() as stopped:
        wish = Wish(root, target.stack, datetime.now(UTC), pace.workers, pace.line_timeout_s, asked)
        folder = make_run(definition, wish, Talk(watcher.says, stopped))
        return _driven(root, folder, headers, watcher, stopped)


def resumed(name: str, target: Target, *, stream: bool, quiet: bool, again: bool) -> Record:
    """Go on with a run. Raises SluiceError."""
    from sluice.runs.store import RunStore

    root = project()
    folder = RunStore(root).get(name)
    with shown(stream=stream, quiet=quiet) as watcher, stoppable() as stopped:
        return _driven(root, folder, _headers_again(folder.record(), target), watcher, stopped, again=again)


def _headers_again(record: Record, target: Target) -> Mapping[str, str]:
    """Return the headers for a run that goes on: a key is not kept with it."""
    asked = record["endpoint"]
    if not asked:
        return {}
    if asked["name"]:
        return Target(record["stack"], asked["name"], asked["deployment"] or None).resolved()[1]
    return Target(record["stack"], None, asked["deployment"] or None, asked["url"], target.headers).resolved()[1]


def _driven(
    root: Path,
    folder: RunFolder,
    headers: Mapping[str, str],
    watcher: Any,
    stopped: Callable[[], bool],
    *,
    again: bool = False,
) -> Record:
    from sluice.runs.executing import Execution, execute

    def executor(record: Record) -> Executor:
        from sluice.runs.creating import flow_workers
        from sluice.runs.servers import asker

        return asker(record, headers) if record["endpoint"] else flow_workers(root, folder, record, os.environ)

    return execute(Execution(root, folder, executor, watcher, stopped, again))


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Lend a question whether the user has pressed Ctrl-C; a second time ends everything at once."""
    event = threading.Event()

    def stop(number: int, frame: object) -> None:
        del number, frame
        event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_warnings(found: Sequence[Diagnostic]) -> None:
    for one in found:
        note(f"{one.severity}: {one.at}: {one.message}. {one.remedy}".strip(), "yellow")


def tell(record: Record) -> None:
    """Say how a run ended, and where it is."""
    lines, seconds = record["lines"], record["seconds"]
    failed = f", {lines['failed']} failed" if lines["failed"] else ""
    say(
        f"{record['name']}  {record['status']}: {lines['completed']} of {lines['total']} lines{failed}, {seconds:.1f} s"
    )
    if record["error"]:
        note(f"  {record['error']}", "red")
    for fault in record["faults"][:5]:
        note(f"  {fault}", "yellow")
    if record["status"] != "completed":
        say(f"  go on: sluice run create --resume {record['name']}")
    say(f"  see: sluice run details {record['name']}")


def status_of(record: Record) -> int:
    """Return the exit status of a run that ended."""
    if record["status"] != "completed":
        return 130
    return 0 if record["lines"]["completed"] and not record["error"] else 1

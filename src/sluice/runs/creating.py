"""Making a run: what it is about is read, checked and written down before the first line is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from sluice.errors import NotFound, SpecError, UsageError
from sluice.runs import data, mapping
from sluice.runs.connections import user_connections, worker_environment
from sluice.runs.data import Row, Survey
from sluice.runs.definition import Definition
from sluice.runs.flows import FlowSource, flow_environment, keep_snapshot, read_flow_source
from sluice.runs.lines import Line, Sources, lines
from sluice.runs.names import default_name, display_name
from sluice.runs.overrides import overridden
from sluice.runs.store import Record, RunFolder, RunStore, Status
from sluice.runs.workers import FlowWorkers, Job
from sluice.spec.frozen import frozen_map
from sluice.targets.local.environments import Talk, environment_of

WORKERS: Final = 4
"""Lines at once, as prompt flow has it."""
LINE_TIMEOUT_S: Final = 600.0
"""Of one line, as prompt flow has it."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a run beside its definition.

    `subject` is the address and header of an endpoint that is asked (see `Asked`), None for a flow.
    """

    project: Path
    stack: str
    now: datetime
    workers: int = WORKERS
    line_timeout_s: float = LINE_TIMEOUT_S
    asked: Asked | None = None


@dataclass(frozen=True)
class Asked:
    """The endpoint that a run asks: its name for people, and what `sluice run show` tells of it. No secret in it."""

    url: str
    endpoint: str = ""
    deployment: str = ""


@dataclass(frozen=True)
class Basis:
    """What a run reads: surveys by source, columns by source, and the base run."""

    survey: Survey | None = None
    base: RunFolder | None = None
    base_record: Mapping[str, Any] = field(default_factory=frozen_map)
    columns: Mapping[str, Sequence[str]] = field(default_factory=frozen_map)

    @property
    def lines(self) -> int:
        """How many lines the run has."""
        return int(self.base_record["lines"]["total"]) if self.base else self.survey.lines if self.survey else 0


def make_run(definition: Definition, wish: Wish, talk: Talk) -> RunFolder:
    """Write a new run down, ready to be driven: its snapshot, its environment, its mapping.

    Raises:
        SpecError: the data, the flow, the mapping, the variant or a connection's node is not right.
        NotFound: the base run is not there. UsageError: the name is taken, or the base run is not finished.
        EnvironmentFailed: the flow's packages can't be installed.
    """
    basis = _basis(definition, RunStore(wish.project))
    source = read_flow_source(definition.flow, wish.project) if definition.flow and not wish.asked else None
    found = _mapping(definition, source, basis)
    mapping.refuse_missing(found, basis.columns)
    subject = (wish.asked.deployment or wish.asked.endpoint or "endpoint") if wish.asked else _subject(source)
    folder = RunStore(wish.project).make(definition.name or default_name(subject, definition.variant, wish.now))
    record = {**_record(definition, wish, folder.name, basis), "mapping": dict(found)}
    folder.save(record)
    folder.keep_variables(dict(definition.variables))
    if source:
        record |= _flow_record(definition, wish, source, folder, talk)
    folder.save(record)
    return folder


def _subject(source: FlowSource | None) -> str:
    return source.path.name if source else "run"


def _basis(definition: Definition, store: RunStore) -> Basis:
    survey = data.survey(definition.data) if definition.data else None
    if survey and not survey.lines:
        raise SpecError(f"{definition.data} holds no line", remedy="Correct `data`.", at=definition.at)
    columns: dict[str, Sequence[str]] = {mapping.DATA: survey.columns} if survey else {}
    if definition.run is None:
        return Basis(survey, columns=frozen_map(columns))
    base = store.get(definition.run)
    record = base.record()
    _refuse_unfinished(base.name, record)
    columns[mapping.OUTPUTS] = _output_columns(base)
    if path := record.get("data"):
        columns[mapping.INPUTS] = data.survey(_unchanged(record, Path(path["path"]))).columns
    return Basis(survey, base, record, frozen_map(columns))


def _refuse_unfinished(name: str, record: Record) -> None:
    if record["status"] != Status.COMPLETED:
        raise UsageError(
            f"run {name} is {record['status']}, so there is nothing whole to read",
            remedy=f"Finish it first: sluice run create --resume {name}",
        )


def _output_columns(base: RunFolder) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in base.rows() for name in one.get("output") or ()))


def _unchanged(record: Mapping[str, Any], path: Path) -> Path:
    """Return the data of a run. Raises NotFound where it is gone, SpecError where it is not what it was."""
    if not path.exists():
        raise NotFound(f"the data of run {record['name']} is gone: {path}", remedy="Put it back.")
    if data.digest(path) != record["data"]["sha256"]:
        raise SpecError(
            f"the data of run {record['name']} has changed since: {path}",
            remedy="Put it back as it was, or run it again.",
        )
    return path


def _mapping(definition: Definition, source: FlowSource | None, basis: Basis) -> Mapping[str, Any]:
    if source:
        return mapping.completed(definition.mapping, source.inputs())
    if definition.mapping:
        return mapping.completed(definition.mapping, {})
    return mapping.whole_line(basis.columns.get(mapping.DATA, ()))


def _record(definition: Definition, wish: Wish, name: str, basis: Basis) -> Record:
    created = wish.now.isoformat(timespec="milliseconds")
    survey, asked = basis.survey, wish.asked
    return {
        "name": name,
        "displayName": display_name(definition.display_name, name, definition.variant, wish.now) or name,
        "description": definition.description,
        "tags": dict(definition.tags),
        "properties": dict(definition.properties),
        "status": Status.PREPARING.value,
        "created": created,
        "ended": None,
        "seconds": 0.0,
        "archived": False,
        "file": definition.at.path,
        "stack": wish.stack,
        "data": _data_record(definition, survey),
        "base": basis.base.name if basis.base else None,
        "variant": list(definition.variant) if definition.variant else None,
        "connections": {node: dict(settings) for node, settings in definition.connections.items()},
        "init": dict(definition.init),
        "recorded": dict(definition.recorded),
        "flow": None,
        "endpoint": {"url": asked.url, "name": asked.endpoint, "deployment": asked.deployment} if asked else None,
        "workers": wish.workers,
        "lineTimeoutSeconds": wish.line_timeout_s,
        "lines": {"total": basis.lines, "completed": 0, "failed": 0},
        "tokens": 0,
        "faults": list(survey.faults) if survey else [],
        "error": "",
    }


def _data_record(definition: Definition, survey: Survey | None) -> Record | None:
    if definition.data is None or survey is None:
        return None
    return {"path": str(definition.data), "sha256": survey.sha256, "lines": survey.lines, "broken": survey.broken}


def _flow_record(definition: Definition, wish: Wish, source: FlowSource, folder: RunFolder, talk: Talk) -> Record:
    """Keep the flow as it is now, build its environment, and return what the run says of both."""
    flow = source.definition()
    changed = bool(definition.variant or definition.connections)
    if changed:
        text = yaml.safe_dump(overridden(flow, definition.variant, definition.connections), sort_keys=False)
        folder.definition.write_text(text, encoding="utf-8")
    keep_snapshot(wish.project, source)
    environment, packages = flow_environment(source, talk)
    nodes = flow.get("nodes") or ()
    return {
        "flow": {
            "path": str(source.path),
            "file": source.file,
            "sha256": source.sha256,
            "changed": changed,
            "aggregates": any(node.get("aggregation") for node in nodes) or "entry" in flow,
            "connections": _connections_used(definition, source),
        },
        "environment": {"key": environment.key, "packages": packages},
    }


def _connections_used(definition: Definition, source: FlowSource) -> list[str]:
    """Return the names of connections that the run is seen to use: the flow's, but those of nodes that get others."""
    given = [str(one["connection"]) for one in definition.connections.values() if one.get("connection")]
    own = [use.name for use in source.flow.connections if use.node not in definition.connections] if source.flow else []
    return sorted({*given, *own})


def run_lines(project: Path, record: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the lines of a run that was made, in order. Raises SpecError where its data has changed since."""
    own = _unchanged(record, Path(record["data"]["path"])) if record["data"] else None
    if record["base"] is None:
        return lines(Sources(data=data.rows(own) if own else ()), record["mapping"])
    base = RunStore(project).get(record["base"])
    before = base.record()
    inputs = None
    if before["data"] and mapping.INPUTS in mapping.sources(record["mapping"]):
        inputs = data.rows(_unchanged(before, Path(before["data"]["path"])))
    found = Sources(data.rows(own) if own else None, _outputs(base), inputs)
    return lines(found, record["mapping"])


def _outputs(base: RunFolder) -> Iterator[Row]:
    for one in base.rows():
        fault = f"line {one['line']} of the base run failed: {one['error']}" if one.get("error") else ""
        yield Row(one["line"], frozen_map(one.get("output") or {}), fault)


def flow_workers(
    project: Path, folder: RunFolder, record: Mapping[str, Any], environ: Mapping[str, str]
) -> FlowWorkers:
    """Return the workers of a run of a flow, not started yet.

    Raises SecretMissing, NotFound for a connection that it uses; EnvironmentFailed where the environment is gone.
    """
    from sluice.runs.flows import snapshots

    flow = record["flow"]
    snapshot = snapshots(project).content(flow["sha256"])
    home = folder.path / "home"
    return FlowWorkers(
        Job(
            python=environment_of(record["environment"]["key"]).python,
            definition=folder.definition if flow["changed"] else snapshot / flow["file"],
            folder=snapshot,
            home=home,
            log=folder.log,
            run=folder.name,
            workers=min(record["workers"], max(1, record["lines"]["total"])),
            line_timeout_s=record["lineTimeoutSeconds"],
            aggregates=flow["aggregates"],
            init=record["init"],
            connections=user_connections(project, record["stack"], flow["connections"], environ),
            variables=folder.variables(),
            environ=worker_environment(environ),
        )
    )

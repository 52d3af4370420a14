"""One input through a flow, or through one node of it, in the flow's own environment."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sluice.errors import SpecError, UsageError
from sluice.runs import data
from sluice.runs.connections import user_connections, worker_environment
from sluice.runs.flows import FlowSource, flow_environment, keep_snapshot, read_flow_source
from sluice.runs.overrides import overridden
from sluice.runs.workers import FlowWorkers, Job
from sluice.spec.findings import nearest
from sluice.spec.frozen import frozen_map
from sluice.targets.local.environments import Talk


@dataclass(frozen=True)
class Tested:
    """What one input gave: a flow's outputs by name, or a node's output."""

    output: Any
    error: str
    seconds: float
    tokens: int = 0


@dataclass(frozen=True)
class Chat:
    """The inputs and outputs of a chat flow that a conversation needs; `history` is None where it keeps none."""

    question: str
    answer: str
    history: str | None


@dataclass
class FlowTest:
    """A flow that is ready to be asked."""

    source: FlowSource
    definition: Mapping[str, Any]
    _workers: FlowWorkers
    _stop: Callable[[], bool]
    _asked: int = field(default=0)

    def line(self, inputs: Mapping[str, Any]) -> Tested:
        """Return what the whole flow gives for some inputs. Raises UsageError for one it has not."""
        self._refuse_unknown(inputs, self.definition.get("inputs") or {}, "input")
        self._asked += 1
        return _tested(self._workers.ask({"line": self._asked, "inputs": dict(inputs)}, self._stop))

    def node(self, name: str, given: Mapping[str, Any]) -> Tested:
        """Return what one node gives: `given` has the flow's inputs, and outputs of nodes before it as `node.output`.

        Raises UsageError for a node or input that is not there.
        """
        nodes = [str(one.get("name")) for one in self.definition.get("nodes") or ()]
        if name not in nodes:
            raise UsageError(f"the flow has no node `{name}`", remedy=_meant(name, nodes))
        outputs = {key.removesuffix(".output"): value for key, value in given.items() if key.endswith(".output")}
        self._refuse_unknown(outputs, nodes, "node")
        inputs = {key: value for key, value in given.items() if not key.endswith(".output")}
        self._refuse_unknown(inputs, self.definition.get("inputs") or {}, "input")
        return _tested(self._workers.ask({"node": name, "inputs": inputs, "outputs": outputs}, self._stop))

    def chat(self) -> Chat:
        """Return which inputs and outputs are the chat's. Raises UsageError for a flow that is none."""
        inputs, outputs = self.definition.get("inputs") or {}, self.definition.get("outputs") or {}
        question = _marked(inputs, "is_chat_input")
        answer = _marked(outputs, "is_chat_output")
        if question is None or answer is None:
            raise UsageError(
                "the flow is no chat: no input has `is_chat_input: true`, or no output `is_chat_output: true`",
                remedy="Give its inputs instead: --inputs name=value",
            )
        named = "chat_history" if "chat_history" in inputs else None
        return Chat(question, answer, _marked(inputs, "is_chat_history") or named)

    def _refuse_unknown(self, given: Mapping[str, Any], known: Any, what: str) -> None:
        for name in given:
            if name not in known and known:
                raise UsageError(f"the flow has no {what} `{name}`", remedy=_meant(name, list(known)))


def _marked(fields: Mapping[str, Any], mark: str) -> str | None:
    return next((name for name, one in fields.items() if isinstance(one, dict) and one.get(mark) is True), None)


def _meant(word: str, known: list[str]) -> str:
    meant = nearest(word, known)
    return f"Did you mean `{meant}`?" if meant else f"It has {', '.join(known) or 'none'}."


def _tested(answer: Mapping[str, Any]) -> Tested:
    return Tested(
        answer.get("output"), answer.get("error") or "", answer.get("seconds", 0.0), answer.get("tokens") or 0
    )


@dataclass(frozen=True)
class Trial:
    """What is tried out: the flow, whose connections, which variant, and variables on top of the flow's."""

    project: Path
    path: Path
    stack: str
    variant: tuple[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=frozen_map, repr=False)


@contextmanager
def flow_test(wish: Trial, talk: Talk, environ: Mapping[str, str]) -> Iterator[FlowTest]:
    """Lend a flow that is ready to be asked; its processes end with it.

    Raises SpecError for a flow that can't be read, EnvironmentFailed, RunFailed, SecretMissing.
    """
    source = read_flow_source(wish.path.resolve(), wish.project)
    environment, _ = flow_environment(source, talk)
    folder = keep_snapshot(wish.project, source)
    used = [use.name for use in source.flow.connections] if source.flow else []
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as private:
        definition = overridden(source.definition(), wish.variant, {})
        file = folder / source.file
        if wish.variant:
            file = Path(private) / source.file
            file.write_text(yaml.safe_dump(definition, sort_keys=False), encoding="utf-8")
        workers = FlowWorkers(
            Job(
                python=environment.python,
                definition=file,
                folder=folder,
                home=Path(private) / "home",
                log=Path(private) / "log",
                run="test",
                workers=1,
                connections=user_connections(wish.project, wish.stack, used, environ),
                variables=wish.variables,
                environ=worker_environment(environ),
            )
        )
        try:
            yield FlowTest(source, definition, workers, talk.cancelled)
        finally:
            workers.close()


def assignments(given: list[str]) -> dict[str, Any]:
    """Return `name=value` pairs; a value that is JSON is that value, any other is text. Raises UsageError."""
    found: dict[str, Any] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise UsageError(f"--inputs needs name=value, found `{one.partition('=')[0]}`", remedy="question='...'")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    if text[:1] not in "[{" or not text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def first_row(file: Path) -> Mapping[str, Any]:
    """Return the inputs in a file: its first line, or all of a JSON object. Raises SpecError, UsageError."""
    if not file.is_file():
        raise UsageError(f"{file}: no such file", remedy="Name a json, jsonl or csv file.")
    row = next(data.rows(file), None)
    if row is None or row.fault:
        raise SpecError(row.fault if row else f"{file.name} holds no line", remedy="Correct it.")
    return row.values

"""Executes lines of a flow with prompt flow's own executor, in processes forked from one that has loaded it.

The Python of the flow's environment runs this file: it has prompt flow, and no Sluice. Written for Python 3.9 and
later, as prompt flow is.

    python flow_worker.py CONTROL_FD

CONTROL_FD is a Unix socket. One JSON document a line:
    in:  the job, first (see `Job`); then {"do": "fork", "worker": N} with the worker's own socket beside it, and
         {"do": "kill", "worker": N}.
    out: {"loaded": {...}} or {"failed": "..."}; then {"ended": N, "status": S} when a worker has ended (S is an exit
         status, or a signal's number below 0).
A worker's socket, one JSON document a line:
    in:  {"line": N, "inputs": {...}} | {"node": NAME, "inputs": {...}, "outputs": {...}} | {"aggregate": RESULTS_FILE}
    out: {"begun": true} or {"failed": "..."}, then one answer for each.
When CONTROL_FD closes, every worker is killed and this ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import re
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.05
LONGEST_MESSAGE = 4000
REFERENCE = re.compile(r"\$\{(?P<connection>[^.{}]+)\.(?P<key>[^{}]+)\}")


class Job:
    """What is to be done: `flow` (the definition), `folder` (where it works), `files` (where images go), `home`,
    `serving` (the script that knows connections), `connections` by name, `variables`, `init`, `run`, `seconds` a line.
    """  # noqa: D205 - one sentence

    def __init__(self, told: dict[str, Any]) -> None:
        self.flow = Path(told["flow"])
        self.folder = Path(told["folder"])
        self.files = Path(told["files"])
        self.home = Path(told["home"])
        self.run: str = told["run"]
        self.seconds: int = told["seconds"]
        self.init: dict[str, Any] = told["init"]
        self.connections: dict[str, Any] = told["connections"]
        self.variables: dict[str, str] = told["variables"]
        self.serving = _module(Path(told["serving"]))

    def provider(self) -> Any:
        """Return the connections, for prompt flow to ask by name."""
        return self.serving.GrantedConnections(self.connections, os.environ)

    def prepare(self) -> None:
        """Make the flow's folder the place of work and imports, and its variables those of this process."""
        os.environ["PF_HOME_DIRECTORY"] = str(self.home)
        os.environ.setdefault("PF_DISABLE_TRACING", "false")  # prompt flow counts tokens where it traces
        self.serving.prepare(self.folder)
        from promptflow.contracts.flow import Flow  # type: ignore[import-not-found]  # it is the environment's

        if self.flow.suffix != ".prompty":
            told = Flow.load_env_variables(self.flow, self.folder, self.variables) or {}
        else:
            told = self.variables
        os.environ.update({name: self.value(str(text)) for name, text in told.items()})

    def value(self, text: str) -> str:
        """Return a variable's value, with the field of a connection in place of `${connection.key}`."""
        found = REFERENCE.fullmatch(text)
        if found is None or found["connection"] not in self.connections:
            return text
        bundle = self.connections[found["connection"]]
        fields = {"api_key": "", **bundle.get("configs", {}), **bundle.get("secrets", {})}
        return str(fields.get(found["key"], text))

    def executor(self) -> Any:
        """Return prompt flow's executor of the flow."""
        from promptflow.connections import ConnectionProvider  # type: ignore[import-not-found]
        from promptflow.executor import FlowExecutor  # type: ignore[import-not-found]

        provider = self.provider()
        # DAG flows ask what they are given; flex flows and prompty files ask the process-wide one.
        ConnectionProvider._instance = provider  # noqa: SLF001 - the only door there is
        return FlowExecutor.create(
            self.flow,
            provider,
            self.folder,
            raise_ex=False,
            line_timeout_sec=self.seconds,
            init_kwargs=self.init or None,
        )


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


class Worker:
    """One process that executes a line at a time."""

    def __init__(self, job: Job, channel: socket.socket) -> None:
        self._job = job
        self._reader = channel.makefile("r", encoding="utf-8", newline="\n")
        self._writer = channel.makefile("w", encoding="utf-8", newline="\n")
        self._executor: Any = None

    def work(self) -> None:
        """Answer until the other end closes."""
        try:
            self._executor = self._job.executor()
        except Exception as error:  # whatever the flow's own code raises while it is loaded
            self._say({"failed": said_of(error)})
            return
        self._say({"begun": True})
        for text in self._reader:
            self._say(self._answer(json.loads(text)))

    def _say(self, answer: dict[str, Any]) -> None:
        self._writer.write(json.dumps(answer, default=plain) + "\n")
        self._writer.flush()

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        try:
            if "aggregate" in asked:
                answer = self._aggregated(Path(asked["aggregate"]))
            elif "node" in asked:
                answer = self._node(asked)
            else:
                answer = self._line(asked)
        except Exception as error:  # one bad line does not take the others with it
            answer = {"error": said_of(error)}
        return {**answer, "seconds": round(time.monotonic() - started, 4)}

    def _line(self, asked: dict[str, Any]) -> dict[str, Any]:
        inputs = self._absolute(asked["inputs"])
        result = self._executor.exec_line(inputs, index=asked["line"], run_id=self._job.run)
        info = result.run_info
        answer: dict[str, Any] = {"tokens": (info.system_metrics or {}).get("total_tokens") or 0}
        if info.error:
            return {**answer, "error": self._told(info.error)}
        output = self._kept(result.output)
        if isinstance(output, dict):
            output.pop("line_number", None)
        answer["output"] = output if isinstance(output, dict) else {"output": output}
        if result.aggregation_inputs:
            answer["aggregation"] = self._kept(result.aggregation_inputs)
        return answer

    def _absolute(self, inputs: dict[str, Any]) -> dict[str, Any]:
        images = getattr(self._executor, "_multimedia_processor", None)
        base = inputs.pop("__base__", None)
        if images is None or base is None:
            return inputs
        found: dict[str, Any] = images.resolve_multimedia_data_recursively(Path(base), inputs)
        return found

    def _kept(self, value: Any) -> Any:
        """Return a value with images written beside the run's outputs and their paths in their place."""
        images = getattr(self._executor, "_multimedia_processor", None)
        return images.persist_multimedia_data(value, self._job.files) if images else value

    def _node(self, asked: dict[str, Any]) -> dict[str, Any]:
        from promptflow.executor import FlowExecutor

        info = FlowExecutor.load_and_exec_node(
            self._job.flow,
            asked["node"],
            flow_inputs=asked["inputs"],
            dependency_nodes_outputs=asked["outputs"],
            connections=self._job.provider(),
            working_dir=self._job.folder,
        )
        if info.error:
            return {"error": self._told(info.error)}
        return {"output": info.output}

    def _aggregated(self, results: Path) -> dict[str, Any]:
        """Run the flow's aggregation over the lines that succeeded; it takes all of them at once, by its nature."""
        good = good_results(results)
        if not good:
            return {"metrics": {}, "error": "no line succeeded, so there is nothing to aggregate"}
        executor = self._executor
        if not getattr(executor, "has_aggregation_node", False):
            return {"metrics": {}}
        if hasattr(executor, "_aggregation_nodes"):
            found = executor.exec_aggregation(
                self._columns_of_inputs(good), _columns([one.get("aggregation", {}) for one in good]), self._job.run
            )
        else:
            from promptflow.contracts.types import AttrDict  # type: ignore[import-not-found]

            found = executor.exec_aggregation(None, [AttrDict(one["output"]) for one in good], self._job.run)
        errors = [f"{name}: {self._told(info.error)}" for name, info in found.node_run_infos.items() if info.error]
        return {"metrics": found.metrics or {}, **({"error": "; ".join(errors)} if errors else {})}

    def _told(self, error: dict[str, Any]) -> str:
        """Return an error with the flow's files by their names in the flow."""
        return told_error(error).replace(f"{self._job.folder}{os.sep}", "")

    def _columns_of_inputs(self, good: list[dict[str, Any]]) -> dict[str, list[Any]]:
        from promptflow.executor.flow_validator import FlowValidator  # type: ignore[import-not-found]

        flow = self._executor._flow  # noqa: SLF001 - as prompt flow's own batch engine reads it
        typed = [FlowValidator.ensure_flow_inputs_type(flow=flow, inputs=_whole(flow, one["inputs"])) for one in good]
        return {name: [one.get(name) for one in typed] for name in flow.inputs}


def _whole(flow: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in inputs.items() if name != "__base__"}
    defaults = {name: one.default for name, one in flow.inputs.items() if one.default is not None}
    return {**defaults, **given}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def good_results(results: Path) -> list[dict[str, Any]]:
    """Return the last result of each line, by line, as far as it succeeded."""
    found: dict[int, dict[str, Any]] = {}
    with results.open(encoding="utf-8") as file:
        for text in file:
            one = json.loads(text)
            found[one["line"]] = one
    return [found[line] for line in sorted(found) if not found[line].get("error")]


def told_error(error: dict[str, Any]) -> str:
    """Return the root cause of prompt flow's error, where it names one, in one text."""
    inner = (error.get("additionalInfo") or [{}])[0].get("info") or {}
    message = str(error.get("message") or "it failed without a word")
    if inner.get("type") and inner.get("message"):
        where = f" ({inner['filename']}, line {inner['lineno']})" if inner.get("filename") else ""
        return _short(f"{inner['type']}: {inner['message']}{where}")
    return _short(message)


def said_of(error: BaseException) -> str:
    """Return an exception in one text."""
    return _short(f"{type(error).__name__}: {error}")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."


def plain(value: Any) -> Any:
    """Return what JSON takes for a value that it lacks."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


class Host:
    """The process that has loaded prompt flow, and forks workers that need not load it again."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._workers: dict[int, int] = {}  # process id -> the worker's number
        self._heard = b""
        self._given: list[int] = []

    def run(self) -> None:
        """Obey until the control socket closes."""
        job = self._loaded()
        while job is not None:
            ready = select.select([self._control], [], [], LOOK_SECONDS)[0]
            orders = self._orders() if ready else []
            if orders is None:
                break
            for order in orders:
                self._obey(job, order)
            self._tell_ended()
        self._end_all()

    def _loaded(self) -> Job | None:
        told = None
        while not told:
            told = self._orders()
            if told is None:
                return None
        try:
            job = Job(told[0])
            job.prepare()
            import promptflow.executor  # type: ignore[import-not-found]  # noqa: F401 - so that no worker has to
        except Exception as error:  # a broken environment, or flow
            self._say({"failed": said_of(error)})
            return None
        self._say({"loaded": True})
        return job

    def _orders(self) -> list[dict[str, Any]] | None:
        """Return what has been said since; None when the other end has closed."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 64)
        if not data:
            return None
        self._given += descriptors
        *whole, self._heard = (self._heard + data).split(b"\n")
        return [json.loads(one) for one in whole]

    def _obey(self, job: Job, order: dict[str, Any]) -> None:
        number = order["worker"]
        if order["do"] == "fork":
            self._fork(job, number, self._given.pop(0))
            return
        for process in [process for process, worker in self._workers.items() if worker == number]:
            _kill(process)

    def _fork(self, job: Job, number: int, descriptor: int) -> None:
        process = os.fork()
        if process:
            os.close(descriptor)
            _lead_a_group(process)
            self._workers[process] = number
            return
        status = 1
        try:
            _lead_a_group(0)
            self._control.close()
            Worker(job, socket.socket(fileno=descriptor)).work()
            status = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _tell_ended(self) -> None:
        for process in list(self._workers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                number = self._workers.pop(process)
                code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                _kill(process)  # what it started
                self._say({"ended": number, "status": code})

    def _end_all(self) -> None:
        for process in self._workers:
            _kill(process)
        for process in self._workers:
            os.waitpid(process, 0)

    def _say(self, word: dict[str, Any]) -> None:
        try:
            self._control.sendall(json.dumps(word).encode() + b"\n")
        except OSError:
            return  # nobody listens any more: the next look sees that


def _lead_a_group(process: int) -> None:
    """Give a worker a process group, so that a flow that hangs is killed with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # done by parent and child: one comes second
        os.setpgid(process, process)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process lives
    Host(socket.socket(fileno=int(sys.argv[1]))).run()

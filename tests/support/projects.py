"""A user's project in a folder of its own, driven through the `sluice` command as a user would."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
SLUICE = Path(sys.executable).with_name("sluice")
QUESTION = '{"question": "When is the story hour?"}'


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered; the names of `headers` are in lower case."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def deployment(self) -> str | None:
        """Return the deployment that answered, as the answer says."""
        return self.headers.get("azureml-model-deployment")

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass
class Project:
    """A project on disk and the calls a user makes in it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def call(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `sluice` here and return what it said."""
        return subprocess.run(
            [str(SLUICE), *arguments],
            cwd=self.root,
            env={**os.environ, **self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `sluice` here in a process group of its own."""
        return subprocess.Popen(
            [str(SLUICE), *arguments],
            cwd=self.root,
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def must(self, *arguments: str, **environ: str) -> str:
        """Run `sluice` here; it has to succeed."""
        done = self.call(*arguments, **environ)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Return the only endpoint's status."""
        endpoint: dict[str, Any] = json.loads(self.must("status", "--json"))["endpoints"][0]
        return endpoint

    def deployment(self, name: str) -> dict[str, Any]:
        """Return one deployment's status."""
        found: dict[str, Any] = next(d for d in self.status()["deployments"] if d["name"] == name)
        return found

    def key(self) -> str:
        """Return the primary key."""
        key: str = json.loads(self.must("keys", "show", "--json"))["primaryKey"]
        return key

    def port(self) -> int:
        """Return the endpoint's port."""
        return port_of(self.status())

    def score(self, body: str = QUESTION, **headers: str) -> Answer:
        """Ask the only endpoint, with its primary key unless `authorization` says another."""
        return post(self.port(), body, headers if "authorization" in headers else {**bearer(self.key()), **headers})

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the project; it must be there."""
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))


@dataclass
class Load:
    """Requests in a row from a few threads; counts what was answered, by whom, and what failed."""

    port: int
    key: str
    threads: int = 4
    answered: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._running = [threading.Thread(target=self._ask) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    @property
    def total(self) -> int:
        """Return how many requests were answered."""
        return sum(self.answered.values())

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._stop.is_set():
            try:
                status, who = ask(connection, self.key)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._count(None, repr(error))
                continue
            self._count(who, "" if status == 200 else str(status))
        connection.close()

    def _count(self, who: str | None, failure: str) -> None:
        with self._lock:
            if failure:
                self.failed.append(failure)
            else:
                self.answered[who or "?"] = self.answered.get(who or "?", 0) + 1


def ask(connection: http.client.HTTPConnection, key: str) -> tuple[int, str | None]:
    """Ask the example's question; return the status and the deployment that answered."""
    connection.request(
        "POST", "/score", QUESTION, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("azureml-model-deployment")


def post(port: int, body: str, headers: Mapping[str, str]) -> Answer:
    """Send a request to an endpoint of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/score", body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        return Answer(answer.status, text, {name.lower(): value for name, value in answer.getheaders()})
    finally:
        connection.close()


def bearer(credential: str) -> dict[str, str]:
    """Return the header that shows a key or token."""
    return {"authorization": f"Bearer {credential}"}


def port_of(endpoint: Mapping[str, Any]) -> int:
    """Return the port in an endpoint's status."""
    return int(endpoint["url"].split(":")[2].split("/")[0])


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait on a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def new_project(root: Path, example: str = "question-answering") -> Project:
    """Return a copy of an example as a project of its own."""
    shutil.copytree(EXAMPLES / example, root, dirs_exist_ok=True)
    project = Project(root)
    project.must("init", ".", "--name", "library")
    return project


def processes_of(root: Path) -> list[str]:
    """Return the command lines of processes that work for a project."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = str((folder / "cwd").readlink())
        except OSError:
            continue
        if str(root) in line or cwd.startswith(str(root)):
            found.append(f"{folder.name} {line}")
    return found


def pulumi(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run plain `pulumi` in the environment that `shell-env` gives."""
    line = f'eval "$({SLUICE} shell-env)" && exec pulumi --non-interactive {shlex.join(arguments)}'
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=project.root,
        env={**os.environ, **project.environ},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def lent(root: Path, example: str = "question-answering") -> Iterator[Project]:
    """Lend a fresh project; take down whatever is left of it, and see that nothing runs on."""
    project = new_project(root, example)
    try:
        yield project
    finally:
        done = project.call("down", "--yes")
        left = processes_of(root)
        assert done.returncode == 0, done.stderr
        assert not left, f"left running: {left}"

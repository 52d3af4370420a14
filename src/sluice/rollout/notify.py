"""Telling people: a notice of what happened, its body for each kind of receiver, and its delivery."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final

from sluice.errors import NotifyFailed, SluiceError
from sluice.rollout.works import web
from sluice.rollout.works.command import Command, run
from sluice.rollout.works.secrets import hidden, known_secrets, place, revealed, revealed_all
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import NoticeForm, Notify

Json = dict[str, Any]

TRIES: Final = 3
TIMEOUT_S: Final = 10.0
"""Of one try to tell an address, and of a command."""

DELIVERED: Final = "notified.jsonl"
_LONGEST_ASKED_WAIT_S = 30.0
_LONGEST_SAYS = 2000  # Slack takes 3,000 signs in a section, Teams 28 KB in a card
_LONGEST_TITLE = 150  # Slack's limit for a header


@dataclass(frozen=True)
class Notice:
    """What happened, for people; without secrets.

    Attributes:
        id: unique for ever; a receiver can tell by it whether it has the notice already.
        step: "2 of 5"; empty where it is about no step.
        weights: live or about to be, in percent, by deployment.
        when: ISO 8601.
        numbers: what was measured, by name.
    """

    id: str
    endpoint: str
    phase: str
    step: str = ""
    says: str = ""
    weights: Mapping[str, int] = field(default_factory=frozen_map)
    when: str = ""
    who: str = ""
    stable: str = ""
    green: str = ""
    numbers: Mapping[str, str | float | None] = field(default_factory=frozen_map)

    @property
    def title(self) -> str:
        """One line: which endpoint, what happened, and in which step."""
        step = f" (step {self.step})" if self.step else ""
        return f"{self.endpoint}: {self.phase.replace('_', ' ')}{step}"[:_LONGEST_TITLE]

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Names and values that are not in the title, for a table of two columns; at most ten."""
        weights = ", ".join(f"{name} {percent} %" for name, percent in self.weights.items())
        known = {"Weights": weights, "New": self.green, "Stable": self.stable, "By": self.who, "When": self.when}
        numbers = {
            name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in self.numbers.items()
        }
        return tuple((name, value) for name, value in {**known, **numbers}.items() if value)[:10]


def json_body(notice: Notice) -> Json:
    """Return a notice as plain JSON: its fields by their names."""
    plain = {one.name: getattr(notice, one.name) for one in fields(notice)}
    return {**plain, "weights": dict(notice.weights), "numbers": dict(notice.numbers)}


def slack_body(notice: Notice) -> Json:
    """Return a message for a Slack webhook: blocks, and a text for notifications and screen readers."""
    title, says = _slack_text(notice.title), _slack_text(notice.says[:_LONGEST_SAYS])
    table = [{"type": "mrkdwn", "text": f"*{_slack_text(name)}*\n{_slack_text(value)}"} for name, value in notice.facts]
    blocks: list[Json] = [{"type": "header", "text": {"type": "plain_text", "text": notice.title}}]
    if says:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": says}})
    if table:
        blocks.append({"type": "section", "fields": table})
    return {"text": f"{title}\n{says}" if says else title, "blocks": blocks}


def teams_body(notice: Notice) -> Json:
    """Return a message for a Teams workflow's webhook: an Adaptive Card."""
    title = {"type": "TextBlock", "text": notice.title, "weight": "Bolder", "size": "Medium", "wrap": True}
    says = {"type": "TextBlock", "text": notice.says[:_LONGEST_SAYS] or notice.phase, "wrap": True}
    facts = {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in notice.facts]}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, says, facts],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


BODIES: Final[Mapping[NoticeForm, Callable[[Notice], Json]]] = frozen_map(
    {NoticeForm.JSON: json_body, NoticeForm.SLACK: slack_body, NoticeForm.TEAMS: teams_body}
)


@dataclass(frozen=True)
class Delivery:
    """How notices are delivered: from which folder a command runs, the wait before a second try, and what ends it."""

    root: Path = field(default_factory=Path.cwd)
    backoff_s: float = 1.0
    stop: Event = field(default_factory=Event, compare=False)


def deliver(notify: Notify, notice: Notice, how: Delivery | None = None) -> None:
    """Tell one receiver, and return when it has the notice; blocks for up to three tries of ten seconds.

    An address is tried again after no answer, 408, 429 or 5xx: after `backoff_s` seconds, then four times that, or
    what `Retry-After` says. A command gets the notice as one line of JSON on its standard input, once. A file gets
    one line of JSON.

    Raises:
        NotifyFailed: it was not told; the message says why, without the address's path or a header.
        SecretMissing: a secret of it has no value.
    """
    how = how or Delivery()
    if notify.file is not None:
        _append(notify.file, json_body(notice))
    elif notify.command:
        _to_command(notify, notice, how)
    else:
        _to_address(notify, notice, how)


class Teller:
    """Tells all receivers of every notice once, each in a thread of its own, so that nobody waits for a slow one.

    What a receiver has is written down in `FOLDER/notified.jsonl` (id, receiver, and why where it failed), so that
    another process told the same notice later does not repeat it. A process killed between the delivery and this
    line repeats it: a notice twice is better than none, and its `id` is the same. What failed is tried again when it
    is told again.
    """

    def __init__(self, folder: Path, notifies: Sequence[Notify], how: Delivery | None = None) -> None:
        self._known = _Delivered(folder / DELIVERED)
        self._how = how or Delivery()
        self._receivers = [_Receiver(one, self._known, self._how) for one in notifies]

    def tell(self, notice: Notice) -> None:
        """Have everybody told who wants to know of this phase; returns at once."""
        for receiver in self._receivers:
            receiver.tell(notice)

    def close(self, deadline_s: float) -> None:
        """Wait until all is delivered or has failed, at most `deadline_s` seconds; what is not is given up."""
        deadline = time.monotonic() + deadline_s
        for receiver in self._receivers:
            receiver.end()
        for receiver in self._receivers:
            receiver.join(max(0.0, deadline - time.monotonic()))
        self._how.stop.set()

    def troubles(self) -> tuple[str, ...]:
        """Return why receivers were not told, oldest first; of this process."""
        return self._known.troubles()


class _Receiver:
    """One receiver's queue and thread, which lives from the first notice on."""

    def __init__(self, notify: Notify, known: _Delivered, how: Delivery) -> None:
        self.notify, self.known, self.how = notify, known, how
        self.queue: SimpleQueue[Notice | None] = SimpleQueue()
        self.thread: Thread | None = None

    def tell(self, notice: Notice) -> None:
        if self.notify.events and notice.phase not in self.notify.events:
            return
        if self.thread is None:
            self.thread = Thread(target=self._work, name="notices", daemon=True)
            self.thread.start()
        self.queue.put(notice)

    def end(self) -> None:
        self.queue.put(None)

    def join(self, seconds: float) -> None:
        if self.thread is not None:
            self.thread.join(seconds)

    def _work(self) -> None:
        name = receiver_name(self.notify)
        while (notice := self.queue.get()) is not None and not self.how.stop.is_set():
            if not self.known.has(notice.id, name):
                self._deliver(notice, name)

    def _deliver(self, notice: Notice, name: str) -> None:
        try:
            deliver(self.notify, notice, self.how)
        except (SluiceError, OSError) as error:
            self.known.failed(notice.id, name, error.message if isinstance(error, SluiceError) else str(error))
        else:
            self.known.add(notice.id, name)


class _Delivered:
    """What was delivered to whom, in a file that only grows; of several threads."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._have: set[tuple[str, str]] | None = None
        self._troubles: list[str] = []

    def has(self, notice: str, receiver: str) -> bool:
        with self._lock:
            if self._have is None:
                self._have = _read(self._path)
            return (notice, receiver) in self._have

    def add(self, notice: str, receiver: str) -> None:
        self._write({"id": notice, "receiver": receiver})
        with self._lock:
            if self._have is not None:
                self._have.add((notice, receiver))

    def failed(self, notice: str, receiver: str, why: str) -> None:
        with self._lock:
            self._troubles.append(why)
        self._write({"id": notice, "receiver": receiver, "failed": why})

    def troubles(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._troubles)

    def _write(self, line: Json) -> None:
        try:
            _append(self._path, line)
        except NotifyFailed as error:
            with self._lock:
                self._troubles.append(error.message)


def receiver_name(notify: Notify) -> str:
    """Return a name that tells a receiver from others and stays the same, and from which it can't be told."""
    where = [revealed(notify.address), list(notify.command), str(notify.file or "")]
    return hashlib.sha256(json.dumps(where).encode()).hexdigest()[:16]


def _read(path: Path) -> set[tuple[str, str]]:
    """Return what the file says was delivered; a line that a killed process left half is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        try:
            one = json.loads(line)
            if "failed" not in one:
                found.add((one["id"], one["receiver"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _append(path: Path, line: Json) -> None:
    """Add a line, whole, on the disk, whoever else adds one; the file (mode 600) is made where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(b"\n" * torn + json.dumps(line).encode() + b"\n")
            os.fsync(file.fileno())
    except OSError as error:
        raise NotifyFailed(
            f"{path}: can't be written ({error.strerror})", remedy="Give yourself access, or name another file."
        ) from None


def _to_command(notify: Notify, notice: Notice, how: Delivery) -> None:
    given = json.dumps(json_body(notice)).encode() + b"\n"
    done = run(Command(notify.command, how.root, os.environ, TIMEOUT_S, given), how.stop)
    if wrong := done.wrong():
        raise NotifyFailed(f"the command {notify.command[0]} {wrong}", remedy="Run it by hand, with JSON on its input.")


def _to_address(notify: Notify, notice: Notice, how: Delivery) -> None:
    body = json.dumps(BODIES[notify.form](notice)).encode()
    asked = web.Asked(revealed(notify.address), headers=revealed_all(notify.headers), body=body)
    secrets = known_secrets(notify)
    for tried in range(1, TRIES + 1):
        found = web.ask(asked, timeout_s=TIMEOUT_S, stop=how.stop, most_bytes=1024 * 1024)
        if isinstance(found, web.Answer) and found.good:
            return
        if how.stop.is_set() or tried == TRIES or not _passing(found):
            break
        how.stop.wait(_pause(found, how.backoff_s * 4 ** (tried - 1)))
    raise NotifyFailed(
        f"{place(notify.address)} was not told ({_refusal(found, secrets)}; tries: {tried})",
        remedy="Look at the address of `notify` in rollout.yaml, and at its headers.",
    )


def _passing(found: web.Answer | web.Trouble) -> bool:
    """Tell whether another try may do better."""
    return isinstance(found, web.Trouble) or found.status in {408, 429} or found.status >= 500


def _pause(found: web.Answer | web.Trouble, backoff_s: float) -> float:
    said = found.headers.get("retry-after", "").strip() if isinstance(found, web.Answer) else ""
    return min(float(said), _LONGEST_ASKED_WAIT_S) if said.isascii() and said.isdigit() else backoff_s


def _refusal(found: web.Answer | web.Trouble, secrets: Sequence[str]) -> str:
    if isinstance(found, web.Trouble):
        return found.says
    said = hidden(" ".join(found.text.split()), secrets)[:200]
    return f"status {found.status}{f': {said}' if said else ''}"


def _slack_text(text: str) -> str:
    """Escape the three signs that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

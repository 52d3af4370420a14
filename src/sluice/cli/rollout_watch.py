"""Following a rollout: what its log gets is shown as it comes, in a live view on a terminal, else as lines."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sluice.cli.common import DEFAULT_STACK
from sluice.errors import NotFound
from sluice.report import coloured, say
from sluice.rollout.files import Ended, Open, RolloutFolder, continued
from sluice.rollout.models import ENDED, Phase
from sluice.rollout.show import Around, Options, View, view
from sluice.rollout.show_history import receipt_lines
from sluice.rollout.show_text import EVENTS, event_line, lines, one_line, progress
from sluice.rollout.show_words import WIDTH, Line, Tone, clock

if TYPE_CHECKING:
    from rich.console import Console, Group

    from sluice.targets.local.target import LocalTarget
    from sluice.traffic.router import Routing

_COLOURS: Final[Mapping[Tone, str]] = {"head": "bold", "good": "green", "bad": "red", "wait": "yellow", "dim": "dim"}
WAITING: Final = frozenset({Phase.PAUSED, Phase.HELD})
LOOK_EVERY_S: Final = 1.0
# In a pipeline's log a line at least so often, and the end of patience with a walk that nobody drives.
PROGRESS_EVERY_S: Final = 30.0
UNATTENDED_S: Final = 30.0
# How long `sluice status` tells of a rollout that was given up.
NEWS_S: Final = 86_400.0


@dataclass
class Follower:
    """Reads one endpoint's walk again and again; of the log, only what was added."""

    endpoint: str
    folder: RolloutFolder
    live: Callable[[], Routing | None]
    options: Options = field(default_factory=Options)
    clock: Callable[[], float] = time.time
    _file: int = 0
    _read: int = 0
    _walk: Open | None = None

    def look(self) -> View | None:
        """Return the walk that is open or was last; None where there never was one. Raises StorageFailed."""
        walk = self._caught_up()
        if walk is None:
            return None
        around = Around(self.clock(), self.folder.alive(), self.live(), self._ended(walk), self.options)
        return view(walk, around)

    def must_look(self) -> View:
        """Return the walk. Raises NotFound where there never was one."""
        if (found := self.look()) is None:
            remedy = "Write how it is to be walked into its rollout.yaml, then: sluice up"
            raise NotFound(f"endpoint {self.endpoint} has had no rollout", remedy=remedy)
        return found

    def _ended(self, walk: Open) -> Ended | None:
        if walk.state.phase not in ENDED:
            return None
        return next((one for one in self.folder.history() if one.id == walk.started.id), None)

    def _caught_up(self) -> Open | None:
        try:
            added = self._added()
            self._walk = continued(self._walk, added)
        except FileNotFoundError:
            self._walk = None
        except (KeyError, TypeError, ValueError, AttributeError):  # what it is, the folder says
            self._walk = self.folder.read()
        return self._walk

    def _added(self) -> list[dict[str, Any]]:
        """Return the log's new whole lines; all of them where it was written anew."""
        with self.folder.log.open("rb") as file:
            now = os.fstat(file.fileno())
            if now.st_ino != self._file or now.st_size < self._read:
                self._file, self._read, self._walk = now.st_ino, 0, None
            file.seek(self._read)
            whole, sign, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(sign)
        return [json.loads(line) for line in whole.splitlines()]


def follower_of(target: LocalTarget, stack: str, endpoint: str, *, several: bool) -> Follower:
    """Return a follower of an endpoint's walks; with `several` endpoints, commands it proposes name this one."""

    def live() -> Routing | None:
        state = target.endpoint(endpoint).load()
        return state.routing if state else None

    options = Options("" if stack == DEFAULT_STACK else f" -s {stack}", f" -e {endpoint}" * several)
    return Follower(endpoint, RolloutFolder(target.paths.rollout(endpoint)), live, options)


def brief(shown: View) -> dict[str, Any]:
    """Return a walk as `sluice status --json` gives it; `line`, for people, is None where it is no news."""
    given_up = shown.phase in {Phase.ROLLED_BACK, Phase.ABORTED}
    news = shown.open or (given_up and shown.now - shown.until < NEWS_S)
    return {
        "id": shown.id,
        "phase": str(shown.phase),
        "open": shown.open,
        "step": shown.step + 1,
        "steps": len(shown.steps),
        "says": shown.says,
        "line": one_line(shown, WIDTH - len("  rollout ")).text if news else None,
    }


def printed(found: list[Line]) -> None:
    """Print lines, in colours on a terminal whose user wants them."""
    for line in found:
        colour = _COLOURS.get(line.tone)
        say(coloured(line.text, colour, sys.stdout) if colour and line.text and wants_colours() else line.text)


def wants_colours() -> bool:
    """Tell whether the output is a terminal that may be steered."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def follow(
    follower: Follower,
    *,
    until_it_waits: bool,
    wait: Callable[[float], object] = time.sleep,
    tell: Callable[[list[Line]], None] = printed,
) -> View:
    """Tell what happens as lines, until the walk has ended and its receipt is written.

    With `until_it_waits` also until it is paused or held (a bake ends by itself), or nobody has driven it for half a
    minute. Raises NotFound where there never was a walk.
    """
    teller = _Teller()
    while True:
        shown = follower.must_look()
        tell(teller.lines(shown))
        if teller.over(shown) or (until_it_waits and (shown.phase in WAITING or teller.unattended(shown))):
            break
        wait(LOOK_EVERY_S)
    if shown.ended:
        tell(receipt_lines(shown.ended))
    return shown


@dataclass
class _Teller:
    """What was told already, and since when nobody has driven the walk."""

    _id: str = ""
    _events: int = 0
    _told: float = 0.0
    _driven: float = 0.0

    def lines(self, shown: View) -> list[Line]:
        """Return what is new: events, and now and then how far it is."""
        if shown.id != self._id:
            self._id, self._events, self._told, self._driven = shown.id, 0, 0.0, shown.now
        if shown.alive:
            self._driven = shown.now
        new = [event_line(event, len(shown.steps)) for event in shown.events[self._events :]]
        self._events = len(shown.events)
        if new or shown.now - self._told >= PROGRESS_EVERY_S:
            self._told = shown.now
            new.append(Line(f"{clock(shown.now)}  {progress(shown)}", "dim"))
        return new

    def unattended(self, shown: View) -> bool:
        """Tell whether nobody has driven the walk for a while."""
        return shown.now - self._driven >= UNATTENDED_S

    def over(self, shown: View) -> bool:
        """Tell whether the walk has ended; where its gatekeeper still counts what is in flight, it has not."""
        return not shown.open and (shown.ended is not None or self.unattended(shown))


def live_view(follower: Follower, console: Console, wait: Callable[[float], object] = time.sleep) -> View:
    """Draw the walk over and over on a terminal, until it has ended. Raises NotFound where there never was one."""
    from rich.live import Live

    teller = _Teller()
    with Live(console=console, auto_refresh=False) as drawn:
        while True:
            shown = follower.must_look()
            teller.lines(shown)
            drawn.update(_drawn(shown, console.height), refresh=True)
            if teller.over(shown):
                return shown
            wait(LOOK_EVERY_S)


def _drawn(shown: View, height: int) -> Group:
    from rich.console import Group
    from rich.text import Text

    room = height - len(lines(shown, events=1))
    found = lines(shown, events=min(EVENTS, max(1, room)))
    styles = {**_COLOURS, "plain": ""}
    return Group(*(Text(line.text, style=styles[line.tone], no_wrap=True, overflow="ellipsis") for line in found))


def exit_status(shown: View) -> int:
    """Return how a call that followed a walk ends: 0 done, 1 given up, 3 it waits or nobody drives it."""
    return {Phase.DONE: 0, Phase.ROLLED_BACK: 1, Phase.ABORTED: 1}.get(shown.phase, 3)

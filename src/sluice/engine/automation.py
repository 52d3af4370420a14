"""Running a stack's program through Pulumi's Automation API, inline: the same program `pulumi up` runs.

The program is `infra/__main__.py` by its path, as the language host would run it; project settings are never
passed, since Pulumi would write them over Pulumi.yaml.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import yaml
from pulumi import automation
from pulumi.automation import EngineEvent
from pulumi.automation._stack import StackInitMode
from pulumi.automation.errors import CommandError

from sluice.engine.command import OwnSessionCommand
from sluice.engine.home import ProjectHome
from sluice.engine.locks import clear_stale
from sluice.engine.outcome import Outcome, failure_of
from sluice.engine.parts import Engine
from sluice.errors import Interrupted, SpecFileError

Verb = Literal["up", "preview", "destroy"]
OnEvent = Callable[[EngineEvent], None]


class _TrimmedStack(automation.Stack):
    """A stack that starts no process we have no use for: no select before a run, no outputs and history after."""

    def __init__(self, name: str, workspace: automation.LocalWorkspace, *, exists: bool) -> None:
        if exists:
            self.name, self.workspace, self._mode = name, workspace, StackInitMode.SELECT
        else:
            super().__init__(name, workspace, StackInitMode.CREATE_OR_SELECT)

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool | None = None) -> automation.UpdateSummary:
        del show_secrets
        now = datetime.now(UTC)
        return automation.UpdateSummary("update", now, "", {}, {}, "succeeded")


@dataclass
class StackRunner:
    """One stack of a project, driven by an engine. Made for one run: it holds the engine's process."""

    root: Path
    stack: str
    engine: Engine
    _command: OwnSessionCommand = field(init=False)

    def __post_init__(self) -> None:
        self._command = OwnSessionCommand(str(self.engine.command), self.engine.version)

    @property
    def home(self) -> ProjectHome:
        """The project's `.sluice/`."""
        return ProjectHome(self.root)

    def run(self, verb: Verb, on_event: OnEvent, *, expect_no_changes: bool = False) -> Outcome:
        """Run a verb and return what happened. An interrupt (Ctrl-C) reaches the engine exactly once.

        Raises:
            Busy: another process updates the stack.
            EngineFailed, SpecError and the like: with the words of whoever refused.
            Interrupted: the user stopped it, and it ended cleanly.
        """
        self.home.prepare()
        clear_stale(self.home.state, self.stack)
        outcome = Outcome(verb, _build_logs)

        def follow(event: EngineEvent) -> None:
            outcome.add(event)
            on_event(event)

        threading.Thread(target=_preload, daemon=True).start()
        stack = self._stack()
        self._interruptible(lambda: _run_verb(stack, verb, follow, expect_no_changes), outcome)
        return outcome

    def set_object(self, key: str, name: str, value: Mapping[str, Any] | None) -> bool:
        """Set `name` in the object under configuration `key`, or take it out (None); tell whether that changed it."""
        self.home.prepare()
        workspace = self._stack().workspace
        current = self.get_object(key)
        wanted = {k: v for k, v in {**current, name: value}.items() if v is not None}
        if wanted == current:
            return False
        if wanted:
            workspace.set_config(self.stack, key, automation.ConfigValue(json.dumps(wanted)))
        else:
            workspace.remove_config(self.stack, key)
        return True

    def get_object(self, key: str) -> dict[str, Any]:
        """Return the object under configuration `key`; empty where there is none."""
        return _object(self._config().get(key, {}))

    def remove_state(self) -> None:
        """Remove the stack's state and locks from the default backend, whatever is in them; keep its settings."""
        backend = self.home.state / ".pulumi"
        project = str(self._project["name"])
        for file in (backend / "stacks" / project).glob(f"{self.stack}.json*"):
            file.unlink()
        shutil.rmtree(backend / "locks" / "organization" / project / self.stack, ignore_errors=True)

    def forget(self, keys: Sequence[str]) -> list[str]:
        """Drop these configuration keys; return the keys that are left.

        With none left, a stack of the default backend is removed with its state and settings file; the
        project's folder for Pulumi goes once it holds no stack.
        """
        workspace = self._stack().workspace
        known = self._config()
        for key in known.keys() & set(keys):
            workspace.remove_config(self.stack, key)
        left = sorted(known.keys() - set(keys))
        if not left and self._exists():
            workspace.remove_stack(self.stack)
        if not left:
            self.home.remove_if_empty()
        return left

    def _config(self) -> dict[str, Any]:
        """Read the stack's configuration as it is written, secrets encrypted: asking Pulumi costs a process."""
        folder = self.root / str(self._project.get("stackConfigDir", "."))
        try:
            written = yaml.safe_load((folder / f"Pulumi.{self.stack}.yaml").read_text())
        except FileNotFoundError:
            return {}
        return dict((written or {}).get("config") or {})

    def _interruptible(self, work: Callable[[], None], outcome: Outcome) -> None:
        """Run `work` in a thread, so that Ctrl-C finds this one free to pass it on."""
        failures: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        worker = threading.Thread(target=guarded, daemon=True)
        worker.start()
        self._wait(worker)
        if self._command.interrupted:
            raise Interrupted("stopped; what was under way has ended cleanly")
        if failures and isinstance(failures[0], CommandError):
            raise failure_of(failures[0], outcome, self.stack) from None
        if failures:
            raise failures[0]

    def _wait(self, worker: threading.Thread) -> None:
        while worker.is_alive():
            try:
                worker.join(0.5)
            except KeyboardInterrupt:
                self._command.interrupt()

    def _stack(self) -> _TrimmedStack:
        workspace = automation.LocalWorkspace(
            work_dir=str(self.root),
            program=self._program,
            env_vars=self.home.variables(self.engine, os.environ),
            pulumi_command=self._command,
        )
        try:
            return _TrimmedStack(self.stack, workspace, exists=self._exists())
        except CommandError as error:
            raise failure_of(error, Outcome("making the stack"), self.stack) from None

    def _exists(self) -> bool:
        """Tell whether the default backend has the stack; for any other, Pulumi is asked."""
        stacks = self.home.state / ".pulumi" / "stacks" / str(self._project["name"])
        return "PULUMI_BACKEND_URL" not in os.environ and (stacks / f"{self.stack}.json").is_file()

    def _program(self) -> None:
        main = self.root / str(self._project.get("main", "."))
        runpy.run_path(str(main / "__main__.py"), run_name="__main__")

    @property
    def _project(self) -> dict[str, Any]:
        file = self.root / "Pulumi.yaml"
        try:
            settings = yaml.safe_load(file.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SpecFileError(f"{file}: can't be read ({error})", remedy="Write it as `sluice init` does.") from None
        if not isinstance(settings, dict) or "name" not in settings:
            raise SpecFileError(f"{file}: has no name", remedy="Write it as `sluice init` does.")
        return settings


def _build_logs(image: str) -> Sequence[str]:
    """Return BuildKit's logs that may tell of an image's last failed build."""
    from sluice.engine.images import machine_services

    return machine_services().last_logs(image)


def _preload() -> None:
    """Import what the program will need, while the engine starts its plugin and this process would only wait."""
    import jsonschema_rs  # noqa: F401

    import sluice.plan.local
    import sluice.spec.load
    import sluice.spec.settings  # noqa: F401


def _object(said: Any) -> dict[str, Any]:
    """Return an object of the configuration, written as JSON or as YAML; one that is none counts as empty."""
    try:
        value = json.loads(said) if isinstance(said, str) else said
    except ValueError:
        return {}
    return dict(value) if isinstance(value, dict) else {}


def _run_verb(stack: automation.Stack, verb: Verb, on_event: OnEvent, expect_no_changes: bool) -> None:
    options: dict[str, Any] = {"on_event": on_event, "color": "never"}
    if verb in ("up", "preview") and expect_no_changes:
        options["expect_no_changes"] = True
    getattr(stack, verb)(**options)

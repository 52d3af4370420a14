"""Running the engine for a verb, with its events as lines."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from sluice.cli.azure_failures import tell_failures
from sluice.cli.common import project
from sluice.errors import SluiceError
from sluice.project import refuse_unknown_stack
from sluice.report import Progress, note

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

    from sluice.engine.automation import StackRunner, Verb
    from sluice.engine.outcome import Outcome

_DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created anew",
    "delete-replaced": "old one deleted",
}
_PLANNED = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "delete": ("-", "red"),
    "replace": ("+-", "yellow"),
    "create-replacement": ("++", "yellow"),
    "delete-replaced": ("--", "red"),
}


def runner(stack: str) -> StackRunner:
    """Return the runner of a stack of this project, the engine installed if need be."""
    from sluice.engine.automation import StackRunner
    from sluice.engine.install import ensure_engine

    root = project()
    refuse_unknown_stack(root, stack)
    return StackRunner(root, stack, ensure_engine(note))


def run(stack: str, verb: Verb, *, expect_no_changes: bool = False) -> Outcome:
    """Run a verb and show what it does."""
    from sluice.rollout.who import who

    os.environ.setdefault("SLUICE_WHO", who(os.environ))  # for the provider, a grandchild of this process
    view = EventLines(Progress(), planned=verb == "preview")
    try:
        return runner(stack).run(verb, view.add, expect_no_changes=expect_no_changes)
    except SluiceError:
        if verb == "up":
            tell_failures(stack)
        raise
    finally:
        view.progress.close()


class EventLines:
    """The engine's events as lines: what each resource is doing, and how it ended."""

    def __init__(self, progress: Progress, *, planned: bool) -> None:
        self.progress = progress
        self._planned = planned

    def add(self, event: EngineEvent) -> None:
        """Show one event."""
        from sluice.engine.outcome import title

        if event.diagnostic_event:
            self._told(event.diagnostic_event)
        if event.resource_pre_event:
            self._begun(event.resource_pre_event.metadata)
        if event.res_outputs_event:
            self._ended(event.res_outputs_event.metadata)
        if event.res_op_failed_event:
            self.progress.done(title(event.res_op_failed_event.metadata.urn), "failed", "red")

    def _told(self, diagnostic: Any) -> None:
        """Show what a resource is doing, what the program says, and warnings."""
        from sluice.engine.outcome import is_image, title
        from sluice.images.progress import shown

        text = _text(diagnostic.message)
        if diagnostic.urn and diagnostic.ephemeral:
            doing = shown(text) if is_image(diagnostic.urn) else text
            if doing:
                self.progress.status(title(diagnostic.urn), doing)
        elif diagnostic.severity.startswith("info") and not diagnostic.urn:
            self.progress.done("program", text, "dim")
        elif diagnostic.severity == "warning":
            self._warned(diagnostic)

    def _warned(self, diagnostic: Any) -> None:
        from sluice.engine.outcome import about

        text = _text(diagnostic.message).removeprefix("Refreshed resource is in an unhealthy state:").strip("\n *")
        note(f"warning: {about(diagnostic.urn)}{text}", "yellow")

    def _begun(self, metadata: Any) -> None:
        from sluice.engine.outcome import title

        op = str(metadata.op.value if hasattr(metadata.op, "value") else metadata.op)
        if not self._planned or op not in _PLANNED or _internal(metadata.urn):
            return
        sign, colour = _PLANNED[op]
        self.progress.done(f"{sign} {title(metadata.urn)}", "; ".join(changes(metadata)) or op, colour)

    def _ended(self, metadata: Any) -> None:
        from sluice.engine.outcome import title

        op = str(metadata.op.value if hasattr(metadata.op, "value") else metadata.op)
        if not self._planned and op in _DONE and not _internal(metadata.urn):
            self.progress.done(title(metadata.urn), _DONE[op])


def _internal(urn: str) -> bool:
    kind = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
    return kind.startswith("pulumi:")


def changes(metadata: Any) -> list[str]:
    """Return `path: old => new` for each changed property of a step; secrets stay hidden."""
    detail = metadata.detailed_diff or {}
    old = (metadata.old.outputs if metadata.old else None) or {}
    new = (metadata.new.inputs if metadata.new else None) or {}
    shown = [f"{path}: {_shown(old, path)} => {_shown(new, path)}" for path in detail if not _of_rollout(path)]
    return [*shown, *_rollout(list(detail), new)]


def _of_rollout(path: str) -> bool:
    return re.split(r"[.\[]", path, maxsplit=1)[0] in {"rollout", "rolloutSecrets"}


def _rollout(paths: list[str], new: Any) -> list[str]:
    """Return in words how weights are walked, and that this has changed: all of it would be a page."""
    if not new.get("rollout"):
        return ["rollout: removed"] if any(map(_of_rollout, paths)) else []
    walked = any(path.startswith("weights") for path in paths)
    told = [f"walked in {len(new['rollout'].get('steps', []))} steps"] if walked else []
    return [*told, "rollout changed"] if any(map(_of_rollout, paths)) else told


def _shown(tree: Any, path: str) -> str:
    for key in _steps(path):
        if _secret(tree):
            break
        tree = tree.get(key) if isinstance(tree, dict) else None
    if _secret(tree):
        return "[secret]"
    text = "nothing" if tree is None else str(int(tree) if isinstance(tree, float) and tree.is_integer() else tree)
    return "[unknown]" if text.startswith("04da6b54") else text[:60]


def _secret(tree: Any) -> bool:
    return tree == "[secret]" or (isinstance(tree, dict) and "4dabf18193072939515e22adb298388d" in tree)


def _steps(path: str) -> list[str]:
    """Return the keys of a path in Pulumi's form: `tags["team.name"]` has two."""
    found = re.findall(r'\["((?:\\"|[^"])*)"\]|([^.\[\]"]+)', path)
    return [quoted.replace('\\"', '"') or plain for quoted, plain in found]


def _text(message: str) -> str:
    from sluice.engine.outcome import plain_text

    return plain_text(message)

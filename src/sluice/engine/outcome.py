"""What the engine's events say about a run, and the error a failed run becomes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent
from pulumi.automation.errors import CommandError

from sluice.errors import Busy, EngineFailed, SluiceError

_LABELS = re.compile(r"^(error: |warning: |an unhandled error occurred: )+")
# What Pulumi says before the reason that a provider's check gave.
_CHECKED = re.compile(r"sluice:index:\w+ resource '[^']+'(: property \S+ value \{.*?\})? has a problem: ")
_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


@dataclass
class Outcome:
    """Counts of operations and the words of whoever failed, gathered while a run goes on."""

    verb: str
    operations: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, event: EngineEvent) -> None:
        """Take one event in."""
        if event.summary_event:
            self.operations.update({str(op): n for op, n in event.summary_event.resource_changes.items()})
        diagnostic = event.diagnostic_event
        if diagnostic is None or diagnostic.ephemeral:
            return
        text = plain_text(diagnostic.message)
        if diagnostic.severity == "error" and not _noise(text):
            self.errors.append(about(diagnostic.urn) + text)
        elif diagnostic.severity == "warning":
            self.warnings.append(text)

    @property
    def changed(self) -> int:
        """Return how many resources were, or would be, changed."""
        return sum(n for op, n in self.operations.items() if op not in ("same", "read", "refresh"))


def plain_text(message: str) -> str:
    """Return an engine's message without its colour marks and labels."""
    return _CHECKED.sub("", _LABELS.sub("", _COLOUR.sub("", message).strip()))


def title(urn: str) -> str:
    """Return `Type name` of a URN."""
    parts = urn.split("::")
    return f"{parts[2].rpartition(':')[2]} {parts[3]}"


def about(urn: str | None) -> str:
    """Return `Type name: ` for a resource of ours, nothing for any other."""
    return f"{title(urn)}: " if urn and ":sluice:index:" in f":{urn.split('::')[2]}" else ""


def _noise(text: str) -> bool:
    return text in ("update failed", "preview failed", "an error occurred while advancing the preview")


def failure_of(error: CommandError, outcome: Outcome, stack: str) -> SluiceError:
    """Return the error of ours that a failed run is."""
    text = plain_text(str(error))
    if "currently locked" in text:
        return Busy(f"stack {stack} is being updated by someone else", details=_after(text, "locked by"))
    if "incorrect passphrase" in text or "passphrase must be set" in text:
        return EngineFailed(
            f"the passphrase does not open the secrets of stack {stack}",
            remedy="Give the one the state was made with (PULUMI_CONFIG_PASSPHRASE_FILE). Where it is lost, remove"
            f" .sluice/state and stacks/Pulumi.{stack}.yaml (weights and secrets set by hand go with it), and run"
            " sluice up: it takes over what runs.",
        )
    if "--expect-no-changes" in text or "no changes were expected" in text:
        return EngineFailed("changes were found where none were expected", remedy="See them: sluice preview")
    words = list(dict.fromkeys(outcome.errors))
    if words:
        return EngineFailed(words[0], details="\n".join(f"also: {word}" for word in words[1:]))
    return EngineFailed(f"{outcome.verb} failed", details=_tail(text))


def _after(text: str, word: str) -> str:
    return text[text.find(word) :].strip() if word in text else ""


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-12:])

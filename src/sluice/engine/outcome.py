"""What the engine's events say about a run, and the error a failed run becomes."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation import EngineEvent
from pulumi.automation.errors import CommandError

from sluice.errors import Busy, EngineFailed, EngineMissing, SluiceError
from sluice.images.failures import build_failure

_LABELS = re.compile(r"^(error: |warning: |an unhandled error occurred: |1 error occurred:\s*\* )+")
# What Pulumi says before the reason that a provider's check gave.
_CHECKED = re.compile(r"sluice:index:\w+ resource '[^']+'(: property \S+ value \{.*?\})? has a problem: ")
_IMAGE_CHECKED = re.compile(r"docker-build:index:Image resource '[^']+'(: property \S+ value \{.*?\})? has a problem: ")
# What azure-native says of a resource that is there, and not in this stack's state.
_EXISTS = "cannot create already existing"
_THERE = (
    "Somebody else has made it, or a run was killed while Azure made it. Take it over with what it serves:"
    " pulumi import TYPE NAME ID (`sluice shell-env`), or remove it where nobody needs it."
)
_LINES = 100
_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


def _no_logs(_image: str) -> Sequence[str]:
    return ()


@dataclass
class Outcome:
    """Counts of operations and the words of whoever failed, gathered while a run goes on.

    `build_logs` returns BuildKit's logs that may tell of an image's last failed build, by the image's name; `outputs`
    are the stack's own, empty where it never came to tell them.
    """

    verb: str
    build_logs: Callable[[str], Sequence[str]] = _no_logs
    operations: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    failed_images: list[tuple[str, str]] = field(default_factory=list)
    build_lines: dict[str, deque[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def add(self, event: EngineEvent) -> None:
        """Take one event in."""
        if event.summary_event:
            self.operations.update({str(op): n for op, n in event.summary_event.resource_changes.items()})
        told = event.res_outputs_event
        if told and told.metadata.type == "pulumi:pulumi:Stack" and told.metadata.new:
            self.outputs = dict(told.metadata.new.outputs or {})
        diagnostic = event.diagnostic_event
        if diagnostic is None:
            return
        if diagnostic.ephemeral:
            self._keep_line(diagnostic.urn, diagnostic.message)
            return
        text = plain_text(diagnostic.message)
        if diagnostic.severity == "error" and is_image(diagnostic.urn):
            self.failed_images.append((name_of(str(diagnostic.urn)), _IMAGE_CHECKED.sub("", text)))
        elif diagnostic.severity == "error" and not _noise(text):
            self.errors.append(about(diagnostic.urn) + text)
        elif diagnostic.severity == "warning":
            self.warnings.append(text)

    def build_failures(self) -> list[SluiceError]:
        """Return the errors of images that could not be built, with the last lines of what failed."""
        return [build_failure(name, said, self._log_of(name, said)) for name, said in self.failed_images]

    def _log_of(self, name: str, said: str) -> str:
        """Return the log of exactly this failure; a log of an earlier one would mislead."""
        words = said.removeprefix("failed to solve: ")
        streamed = "\n".join(self.build_lines.get(name, ()))
        return next((log for log in self.build_logs(name) if words in log), streamed)

    def _keep_line(self, urn: str | None, message: str) -> None:
        """Keep what a build says: with a full disk, BuildKit has no log of it."""
        if is_image(urn):
            self.build_lines.setdefault(name_of(str(urn)), deque(maxlen=_LINES)).append(plain_text(message))

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


def name_of(urn: str) -> str:
    """Return the name in a URN."""
    return urn.rpartition("::")[2]


def about(urn: str | None) -> str:
    """Return `Type name: ` for a resource of ours, of Azure or an image, nothing for any other."""
    if urn is None:
        return ""
    kind = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
    return f"{title(urn)}: " if kind.startswith(("sluice:index:", "azure-native:")) or is_image(urn) else ""


def is_image(urn: str | None) -> bool:
    """Tell whether a resource is an image that is built."""
    return bool(urn) and str(urn).split("::")[2].endswith("docker-build:index:Image")


def _noise(text: str) -> bool:
    return text in ("update failed", "preview failed", "an error occurred while advancing the preview")


def failure_of(error: CommandError, outcome: Outcome, stack: str) -> SluiceError:
    """Return the error of ours that a failed run is."""
    text = plain_text(str(error))
    refused = _refused_at_once(text, stack)
    if refused:
        return refused
    words = list(dict.fromkeys(outcome.errors))
    failed = outcome.build_failures()
    if failed:
        return _first_of(failed, words)
    if words:
        details = "\n".join(f"also: {word}" for word in words[1:])
        return EngineFailed(words[0], details=details, remedy=_THERE if _EXISTS in words[0] else "")
    return EngineFailed(f"{outcome.verb} failed", details=_tail(text))


def _refused_at_once(text: str, stack: str) -> SluiceError | None:
    """Return why the engine did not even begin, or could not; None for what failed on its way."""
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
    if "docker-build" in text and ("no resource plugin" in text or "could not find" in text):
        return EngineMissing(
            "Pulumi's provider of images (docker-build) is not on this machine", remedy="sluice doctor --install images"
        )
    return None


def _first_of(failed: list[SluiceError], words: list[str]) -> SluiceError:
    """Return the first error, of its own class, with all others below it."""
    first, *others = failed
    also = [f"also: {word}" for word in (*map(str, others), *words)]
    details = "\n".join([first.details, *also]).strip()
    return type(first)(first.message, remedy=first.remedy, details=details)


def _after(text: str, word: str) -> str:
    return text[text.find(word) :].strip() if word in text else ""


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-12:])

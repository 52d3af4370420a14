"""What a failed build says, in our words: from the provider's message and BuildKit's log of the build."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sluice.errors import BuilderFailed, EnvironmentFailed, Interrupted, SluiceError, StorageFailed

LOG_LINES: Final = 15
_AGAIN = "What served before still serves."
_FULL = ("no space left on device", "No space left on device", "disk quota exceeded")
_TIME = re.compile(r"^\d+\.\d+ ")

Found = re.Match[str]


def failing_step(log: str) -> list[str]:
    """Return the last lines of the step that failed, its name first; nothing where the log shows no such step.

    BuildKit repeats it at the end of its log: `------`, ` > [2/3] RUN ...:`, lines with seconds, `------`. In a log
    that was cut short, it is the last step that said something.
    """
    parts = re.split(r"^-{6,}$", log, flags=re.MULTILINE)
    repeated = next((part.strip("\n").splitlines() for part in reversed(parts) if part.lstrip().startswith("> [")), [])
    found = repeated or _last_step(log)
    lines = [_TIME.sub("", line).rstrip() for line in found if line.strip()]
    return [] if not lines else [lines[0].strip(" >:"), *lines[1:][-LOG_LINES:]]


def _last_step(log: str) -> list[str]:
    """Return name and lines of the last step that said something: `#6 [2/2] RUN ...`, `#6 0.51 its words`."""
    said = re.findall(r"^#(\d+) (\d+\.\d+ .*)$", log, flags=re.MULTILINE)
    if not said:
        return []
    number = said[-1][0]
    name = re.search(rf"^#{number} (\[.*)$", log, flags=re.MULTILINE)
    return [name[1] if name else "", *(line for one, line in said if one == number)]


def build_failure(name: str, said: str, log: str = "") -> SluiceError:
    """Return the error of ours that a failed build of image `name` is.

    `said` is the provider's message, `log` BuildKit's log of that build as `buildctl debug logs` prints it, or what
    BuildKit says of itself.
    """
    step = failing_step(log)
    text = said.replace("failed to solve: ", "").strip()
    if any(words in "\n".join([text, *(step or [log])]) for words in _FULL):
        return _full(name, step)
    for pattern, answer in _ANSWERS:
        found = pattern.search(text)
        if found:
            return answer(name, found, "\n".join(step))
    return EnvironmentFailed(f"image {name} can't be built: {text}", remedy=_AGAIN, details="\n".join(step))


def _full(name: str, step: list[str]) -> SluiceError:
    return StorageFailed(
        f"image {name} can't be built: no space left on the disk",
        remedy=f"Free some, BuildKit's cache first: sluice environment builder prune. {_AGAIN}",
        details="\n".join(step),
    )


def _step_failed(name: str, found: Found, details: str) -> SluiceError:
    command = found["command"].replace('\\"', '"').removeprefix("/bin/sh -c ")
    shown = command if len(command) < 80 else f"{command[:77]}..."
    if "exec format error" in details:
        return EnvironmentFailed(
            f"image {name}: this machine can't run what is built for another processor: `{shown}`",
            remedy="Build for this machine's platform only, or register emulators (qemu-user-static, binfmt-support).",
            details=details,
        )
    return EnvironmentFailed(
        f"image {name}: the build step `{shown}` ended with status {found['status']}",
        remedy=f"Its last lines are above; mend the Dockerfile or the requirements. {_AGAIN}",
        details=details,
    )


def _push_failed(name: str, found: Found, _details: str) -> SluiceError:
    host = found["image"].partition("/")[0]
    why = found["why"]
    if _refused(why):
        return BuilderFailed(
            f"registry {host} refuses image {name}: {_last(why)}",
            remedy=f"Log in (docker login {host}) as someone who may push there. {_AGAIN}",
        )
    return BuilderFailed(
        f"image {name} is built, but registry {host} can't be reached: {_last(why)}",
        remedy=f"Run again when it answers; nothing is built twice. {_AGAIN}",
    )


def _base_failed(name: str, found: Found, _details: str) -> SluiceError:
    base, why = found["base"], found["why"]
    host = base.partition("/")[0]
    if why.rstrip().endswith("not found"):
        return EnvironmentFailed(
            f"image {name}: its base {base} does not exist", remedy=f"Look for a typo in name and tag. {_AGAIN}"
        )
    if _refused(why):
        return EnvironmentFailed(
            f"image {name}: its base {base} does not exist, or is private: {_last(why)}",
            remedy=f"Look for a typo, or log in: docker login {host}. {_AGAIN}",
        )
    return BuilderFailed(
        f"image {name}: the registry of its base {base} can't be reached: {_last(why)}",
        remedy=f"Check the network; or name a base in a registry that this machine reaches. {_AGAIN}",
    )


def _copy_failed(name: str, found: Found, _details: str) -> SluiceError:
    return EnvironmentFailed(
        f"image {name}: the Dockerfile copies {found['path']}, which is not in the build context",
        remedy=f"Paths are relative to the context, and .dockerignore takes files out of it. {_AGAIN}",
    )


def _unreadable(name: str, found: Found, _details: str) -> SluiceError:
    return EnvironmentFailed(
        f"image {name}: line {found['line']} of its Dockerfile: {found['why']}", remedy=f"Mend it. {_AGAIN}"
    )


def _builder_silent(name: str, found: Found, _details: str) -> SluiceError:
    return BuilderFailed(
        f"image {name}: BuildKit does not answer: {found[0]}",
        remedy=f"Start it anew: sluice environment builder stop, then sluice up. {_AGAIN}",
    )


def _stopped(name: str, _found: Found, _details: str) -> SluiceError:
    return Interrupted(f"the build of image {name} was stopped; its finished steps are kept")


def _refused(why: str) -> bool:
    return bool(re.search(r"\b(401|403)\b|[Uu]nauthorized|[Ff]orbidden|denied|insufficient_scope|authorization", why))


def _last(why: str) -> str:
    """Return the innermost cause of a chain `outer: inner`, without the request that it was about."""
    return re.sub(r'^.*(?:Head|Get|Post|Put|Patch) "[^"]*": ', "", why, flags=re.DOTALL).strip()


_ANSWERS: tuple[tuple[re.Pattern[str], Callable[[str, Found, str], SluiceError]], ...] = (
    (
        re.compile(r'process "(?P<command>.*)" did not complete successfully: exit code: (?P<status>\d+)', re.DOTALL),
        _step_failed,
    ),
    (re.compile(r"failed to push (?P<image>\S+): (?P<why>.*)", re.DOTALL), _push_failed),
    (re.compile(r"failed to resolve source metadata for (?P<base>\S+): (?P<why>.*)", re.DOTALL), _base_failed),
    (re.compile(r'failed to (?:compute cache key|calculate checksum).*"(?P<path>[^"]+)": not found'), _copy_failed),
    (re.compile(r"dockerfile parse error on line (?P<line>\d+): (?P<why>.*)"), _unreadable),
    (re.compile(r"context canceled|code = Canceled"), _stopped),
    (
        re.compile(r'context deadline exceeded|no builder "[^"]*" found|failed to list workers.*|.*\.sock: .*'),
        _builder_silent,
    ),
)

"""Every way Sluice says no: one class per cause, with a stable code and the exit status it leads to.

A message says what is wrong and what was found; the remedy says what to do. Neither ever holds a secret.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Mark(NamedTuple):
    """Where a value stands in a file: line and column count from 1, as editors do.

    A tuple: every key and value has one, and making a frozen dataclass takes three times as long.
    """

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        path = self.path.encode("utf-8", "backslashreplace").decode()  # a file's name need not be UTF-8
        return f"{path}:{self.line}:{self.column}"


class SluiceError(Exception):
    """What a user can understand and mend. `code` is stable; `exit_status` is the process's.

    Exit statuses: 1 refused or failed, 2 the call is wrong, 3 paused or inconclusive, 130 interrupted.
    """

    code: str = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "", at: Mark | None = None, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.at = at
        self.details = details

    def __str__(self) -> str:
        head = f"{self.at}: {self.message}" if self.at else self.message
        lines = [head, *(f"  {line}" for line in self.details.splitlines())]
        return "\n".join([*lines, f"  {self.remedy}"] if self.remedy else lines)


class UsageError(SluiceError):
    """The call is wrong: an argument is missing, ambiguous, or names what does not exist."""

    code = "usage"
    exit_status = 2


class SpecError(SluiceError):
    """A specification breaks a rule of its kind, or names something that is not there."""

    code = "spec"


class SpecFileError(SpecError):
    """A specification can't be read: the file is missing, unreadable or not YAML; `code` may name the cause."""

    code = "spec-file"

    def __init__(
        self, message: str, *, remedy: str = "", at: Mark | None = None, details: str = "", code: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy, at=at, details=details)
        self.code = code or self.code


class SecretMissing(SluiceError):
    """A secret reference names a value that is not set."""

    code = "secret-missing"


class Unsupported(SluiceError):
    """The target can't do what the specification asks; the message says why."""

    code = "unsupported"


class AccessDenied(SluiceError):
    """An identity lacks a role: the message names identity, role and scope."""

    code = "access-denied"


class ImmutableModel(SluiceError):
    """A registered model version was given other content."""

    code = "immutable-model"


class TrafficRefused(SluiceError):
    """A change of weights, or of what has weight, that would lose requests."""

    code = "traffic-refused"


class StillUsed(SluiceError):
    """What is to be removed is used by something that runs."""

    code = "still-used"


class EnvironmentFailed(SluiceError):
    """Requirements that do not resolve, or an environment that can't be built."""

    code = "environment-failed"


class DeploymentFailed(SluiceError):
    """Replicas that did not become healthy; what served before still serves."""

    code = "deployment-failed"


class GatewayFailed(SluiceError):
    """Envoy did not start, or refused a configuration."""

    code = "gateway-failed"


class PortInUse(GatewayFailed):
    """The port an endpoint is to listen on belongs to another process."""

    code = "port-in-use"


class DockerFailed(SluiceError):
    """Docker is not there, does not answer, or refuses what a container needs."""

    code = "docker-failed"


class BuilderFailed(SluiceError):
    """What builds images, or the registry they go to, is not there, does not answer, or refuses."""

    code = "builder-failed"


class SupervisorFailed(SluiceError):
    """The process supervisor did not start or did not answer."""

    code = "supervisor-failed"


class RunFailed(SluiceError):
    """A run whose flow can't be loaded, or whose lines nothing can execute; its folder keeps what there is."""

    code = "run-failed"


class StorageFailed(SluiceError):
    """A disk is full, or a folder can't be written."""

    code = "storage-failed"


class NotFound(SluiceError):
    """What was asked for does not exist on the target."""

    code = "not-found"


class Busy(SluiceError):
    """Another process holds the lock; the message says which."""

    code = "busy"


class EngineMissing(SluiceError):
    """The Pulumi engine, or a part of it, is neither found nor installable."""

    code = "engine-missing"


class EngineFailed(SluiceError):
    """The Pulumi engine ended with an error of its own."""

    code = "engine-failed"


class NotifyFailed(SluiceError):
    """A receiver of a rollout's notices could not be told; the rollout goes on."""

    code = "notify-failed"


class Interrupted(SluiceError):
    """The user stopped it; what was under way ended cleanly."""

    code = "interrupted"
    exit_status = 130

"""What builds images on a machine, decided from facts about it; and where its files lie.

One BuildKit and one registry serve all stacks of a user. A machine whose Docker answers builds in Docker; any other
Linux machine runs BuildKit itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sluice.errors import BuilderFailed

BUILDER: Final = "sluice"  # its name in a program is the same on every machine, or images would differ in state
BUILDKIT: Final = "buildkit"
REGISTRY: Final = "registry"


class Way(StrEnum):
    """How images are built here."""

    DOCKER = "docker"  # BuildKit in a container of the machine's Docker
    OWN = "own"  # buildkitd as root
    ROOTLESS = "rootless"  # buildkitd in a user namespace


@dataclass(frozen=True)
class Facts:
    """What is known of a machine.

    Attributes:
        system: As `platform.system()` says.
        root: Whether we are root.
        docker: Whether a Docker daemon answers.
        runc: Whether runc is on PATH.
        rootless_lacks: What BuildKit without root would need, and is not there.
        own_runs: Whether a BuildKit of ours runs already.
    """

    system: str
    root: bool
    docker: bool
    runc: bool
    rootless_lacks: tuple[str, ...]
    own_runs: bool = False


def ways(facts: Facts) -> tuple[Way, ...]:
    """Return how images can be built here, best first: a builder that runs is kept, then Docker, then our own.

    Raises BuilderFailed that says what is missing.
    """
    own = (*_own(facts),)
    docker = (Way.DOCKER,) if facts.docker else ()
    found = (*own, *docker) if facts.own_runs else (*docker, *own)
    if not found:
        raise BuilderFailed(_what_is_missing(facts), remedy=_remedy(facts))
    return found


def _own(facts: Facts) -> tuple[Way, ...]:
    if facts.system != "Linux" or not facts.runc:
        return ()
    if facts.root:
        return (Way.OWN,)
    return () if facts.rootless_lacks else (Way.ROOTLESS,)


def _what_is_missing(facts: Facts) -> str:
    if facts.system != "Linux":
        return f"images can't be built here: Docker does not answer, and BuildKit alone does not run on {facts.system}"
    lacks = ([] if facts.runc else ["runc"]) + ([] if facts.root else list(facts.rootless_lacks))
    return f"images can't be built here: Docker does not answer, and BuildKit alone would need {', '.join(lacks)}"


def _remedy(facts: Facts) -> str:
    if facts.system != "Linux":
        return "Start Docker, or use `runtime: process`."
    packages = "runc" if facts.root else "runc rootlesskit uidmap"
    return f"Start Docker, or install the rest (Debian: apt-get install {packages}), or use `runtime: process`."


@dataclass(frozen=True)
class ImageFolder:
    """The folder of what builds images, `<cache>/images`, mode 700."""

    root: Path

    @classmethod
    def of(cls, cache: Path) -> ImageFolder:
        """Return the one in a cache."""
        return cls(cache.absolute() / "images")

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the services."""
        return self.root / "services.lock"

    @property
    def record(self) -> Path:
        """The registry's port, and the id of what it stores."""
        return self.root / "registry.json"

    @property
    def users(self) -> Path:
        """A file for each stack that has images."""
        return self.root / "users"

    @property
    def processes(self) -> Path:
        """The supervisor's folder."""
        return self.root / "processes"

    @property
    def buildkit_state(self) -> Path:
        """BuildKit's cache."""
        return self.root / "buildkit"

    @property
    def buildkit_temporary(self) -> Path:
        """What BuildKit, where it is our own, has in place of the machine's folder for temporary files."""
        return self.root / "buildkit-tmp"

    @property
    def buildkit_config(self) -> Path:
        """buildkitd.toml."""
        return self.root / "buildkitd.toml"

    @property
    def registry_state(self) -> Path:
        """The registry's images."""
        return self.root / "registry"

    @property
    def registry_config(self) -> Path:
        """The registry's configuration."""
        return self.root / "registry.yaml"

    @property
    def buildx(self) -> Path:
        """What Pulumi's provider of images reads builders from (BUILDX_CONFIG)."""
        return self.root / "buildx"

    @property
    def instance(self) -> Path:
        """The record of the builder."""
        return self.buildx / "instances" / BUILDER

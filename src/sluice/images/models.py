"""What an image is built from, as data: decided by `plan`, carried out by `builder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.spec.frozen import frozen_map
from sluice.spec.terms import SecretReference


@dataclass(frozen=True)
class BuildSecret:
    """A value that only build steps see: mounted as `/run/secrets/<id>`, never in a layer or in the history."""

    id: str
    value: SecretReference


@dataclass(frozen=True)
class ImagePlan:
    """An image to build.

    Attributes:
        name: its repository below the registry, lower case: `<endpoint>/<deployment>` or an environment's name.
        dockerfile: the text of the Dockerfile, generated or the user's.
        files: the build context: name inside it (forward slashes) to a file on disk or to its content.
        context_hash: SHA-256 over Dockerfile, names, executable bits and contents; the same on every machine.
        reasons: why it is built, for the plan ("requirements.txt changed: +rank-bm25==0.2.2").
    """

    name: str
    dockerfile: str
    files: Mapping[str, Path | bytes]
    context_hash: str
    base: str
    build_args: Mapping[str, str] = field(default_factory=frozen_map)
    secrets: tuple[BuildSecret, ...] = ()
    platforms: tuple[str, ...] = ("linux/amd64",)
    labels: Mapping[str, str] = field(default_factory=frozen_map)
    reasons: tuple[str, ...] = ()

"""Which image an environment needs, and what it is built from: pure. Files are read by `context`, packages locked
by `locking`, and both are handed in.

The rules, by what the environment says:
- `build`: the user's own Dockerfile, as it is. What the flow asks for besides, it has to install itself.
- an image and nothing more: nothing is built.
- an image and a conda file that asks for true conda packages, where the image has conda: `conda env create`.
  Otherwise conda packages count as pip packages of the same name, as they do for processes.
- an image and packages, or packages alone (then on `default_base`): locked packages on that image.
"""  # noqa: D205 - the first paragraph is one sentence

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from sluice.errors import SpecError
from sluice.images.context import Files, UserContext
from sluice.images.dockerfile import PackageImage, conda_dockerfile, package_dockerfile, pinned
from sluice.images.feeds import split_feeds
from sluice.images.lock import Lock, LockedPackage, asked_for, shares
from sluice.images.manifest import Manifest
from sluice.images.models import BuildSecret, ImagePlan
from sluice.plan.needs import named_image, python_needs
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Environment, Flow, ModelContent

FLOW_RUNTIME: Final = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
CONDA_BASES: Final = (
    "mcr.microsoft.com/azureml/openmpi*",
    "mcr.microsoft.com/azureml/intelmpi*",
    "*/miniconda3*",
    "*/anaconda3*",
    "*/miniforge3*",
)
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE | re.MULTILINE)


class Form(StrEnum):
    """How an environment's image comes to be."""

    READY = "ready"
    PACKAGES = "packages"
    CONDA = "conda"
    DOCKERFILE = "dockerfile"


@dataclass(frozen=True)
class Wish:
    """What an image is to be: its form, its base, and the packages that are asked for, in the file they stand in."""

    form: Form
    base: str
    requirements: tuple[str, ...] = ()
    source: Path | None = None
    python_version: str | None = None


@dataclass(frozen=True)
class Details:
    """What is the same for every form of plan.

    Attributes:
        name: the image's repository, lower case.
        digest: the base's digest, where it is known.
        serves: the base is a known serving image: it brings its server and starts it as a user of its own.
        bytecode: compile packages at build time.
    """

    name: str
    digest: str | None = None
    serves: bool = False
    bytecode: bool = True
    platforms: tuple[str, ...] = ("linux/amd64",)
    labels: Mapping[str, str] = field(default_factory=frozen_map)
    secrets: tuple[BuildSecret, ...] = ()


def image_wish(
    environment: Environment | None,
    content: ModelContent | None,
    conda_packages: Sequence[str] = (),
    default_base: str = FLOW_RUNTIME,
) -> Wish:
    """Return the image that a deployment's environment, and the model it serves, ask for.

    Args:
        environment: as it is written; None where the deployment has none.
        content: the model's; a flow may name an image and packages of its own, the environment's image comes first.
        conda_packages: true conda packages of the conda file (`conda_only` finds them).
        default_base: what packages go on where nothing names an image.
    """
    flow = content.flow if content else None
    needs = python_needs(environment, content)
    if environment and environment.build:
        return Wish(Form.DOCKERFILE, "", needs.requirements, needs.source, needs.python_version)
    image = named_image(environment, content)
    base = image or default_base
    if image and not needs.requirements:
        return Wish(Form.READY, base)
    conda = environment is not None and environment.conda_file is not None and bool(conda_packages)
    form = Form.CONDA if conda and has_conda(base) and not _brought(flow) else Form.PACKAGES
    source = environment.conda_file if form is Form.CONDA and environment else needs.source
    return Wish(form, base, needs.requirements, source, needs.python_version)


def _brought(flow: Flow | None) -> bool:
    return bool(flow and flow.requirements)


def has_conda(image: str) -> bool:
    """Tell whether an image is known to have conda."""
    name = re.sub(r":[^:/]*$", "", image.partition("@")[0]).lower()
    return any(fnmatchcase(name, known) for known in CONDA_BASES)


def repository_name(*parts: str) -> str:
    """Return a repository's name from an endpoint's and a deployment's, or an environment's: what registries take."""
    cleaned = (re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "image" for part in parts)
    return "/".join(cleaned)


def tool_files(binaries: Mapping[str, Path]) -> dict[str, Path | bytes]:
    """Return what builds with locked packages bring along: the steps, and uv by machine."""
    scripts = resources("sluice.images") / "scripts"
    steps = {f"tools/{name}": (scripts / name).read_bytes() for name in ("install.sh", "prepare.sh")}
    return {**steps, **{f"tools/uv-{machine}": path for machine, path in binaries.items()}}


def package_plan(wish: Wish, lock: Lock, tools: Files, details: Details) -> tuple[ImagePlan, Manifest]:
    """Return the image with locked packages on the wish's base, and what it is made of.

    On a base that brings its server, only what the requirements lead to is installed. The plan's hash is not
    filled in yet: `context.sealed` reads the files. Raises SpecError for a base that is no reference.
    """
    packages = asked_for(lock) if details.serves else lock.packages
    parts = shares(packages)
    base = pinned(wish.base, details.digest)
    source = wish.source.name if wish.source else "the environment"
    text = package_dockerfile(PackageImage(base, source, tuple(parts), details.bytecode, not details.serves))
    files: dict[str, Path | bytes] = {f"lock/{name}.txt": part.encode() for name, part in parts.items()}
    plan = _plan(details, base, text, {**files, **tools}, details.secrets)
    recipe = _digest(text, *(str(one) for one in sorted(tools)), *_steps(tools))
    return plan, Manifest(base, source, recipe, _versions(packages), platforms=details.platforms)


def _versions(packages: Sequence[LockedPackage]) -> Mapping[str, str]:
    return Lock("", "", packages=tuple(packages)).versions


def _steps(tools: Files) -> list[str]:
    return [content.decode() for _, content in sorted(tools.items()) if isinstance(content, bytes)]


def conda_plan(wish: Wish, conda: Files, details: Details) -> tuple[ImagePlan, Manifest]:
    """Return the image with a conda environment on the wish's base; `conda` is its file, and those it includes.

    Raises SpecError: a private feed, whose credential conda's own pip could only be given in a layer.
    """
    feeds, _ = split_feeds(wish.requirements)
    if any(feed.private for feed in feeds):
        raise SpecError(
            "a conda file with conda packages can't take pip packages from a private feed",
            remedy="Ask for all packages under `pip`, or build from a Dockerfile with a secret mount.",
        )
    base = pinned(wish.base, details.digest)
    name = wish.source.name if wish.source else "conda.yaml"
    text = conda_dockerfile(base, name)
    content = {one: _text_digest(source) for one, source in conda.items() if isinstance(source, bytes)}
    manifest = Manifest(base, "", _digest(text), files=frozen_map(content), platforms=details.platforms)
    return _plan(details, base, text, conda, ()), manifest


def dockerfile_plan(
    context: UserContext, file_digests: Mapping[str, str], details: Details
) -> tuple[ImagePlan, Manifest]:
    """Return the image of the user's own Dockerfile; `file_digests` by name, of the context (`context.digests`)."""
    base = dockerfile_base(context.dockerfile) or ""
    plan = _plan(details, base, context.dockerfile, context.files, details.secrets)
    manifest = Manifest(
        base, "", _digest(context.dockerfile), frozen_map(), frozen_map(file_digests), details.platforms
    )
    return plan, manifest


def dockerfile_base(text: str) -> str | None:
    """Return the image that a Dockerfile's last stage comes from; None where a build argument decides."""
    found = list(_FROM.finditer(text))
    stages = {one["stage"].lower(): one["image"] for one in found if one["stage"]}
    base = found[-1]["image"] if found else None
    for _ in found:
        base = stages.get(base.lower(), base) if base else None
    return None if base is None or "$" in base or base.lower() == "scratch" else base


def _plan(details: Details, base: str, text: str, files: Files, secrets: tuple[BuildSecret, ...]) -> ImagePlan:
    labels = {
        "org.opencontainers.image.title": details.name,
        **({"org.opencontainers.image.base.name": base.partition("@")[0]} if base else {}),
        **({"org.opencontainers.image.base.digest": base.partition("@")[2]} if "@" in base else {}),
        **details.labels,
    }
    return ImagePlan(
        name=details.name,
        dockerfile=text,
        files=frozen_map(files),
        context_hash="",
        base=base,
        secrets=secrets,
        platforms=details.platforms,
        labels=frozen_map(labels),
    )


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()


def _text_digest(content: bytes) -> str:
    return sha256(content).hexdigest()

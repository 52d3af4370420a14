"""Dockerfiles that Sluice writes: text from data, pure.

Packages are installed in several stages at once-rebuilt size: each holds a fixed share of them, chosen by name, and
`COPY --link` joins the shares without depending on each other. So a requirement that is added or changed installs,
packs and pushes one share. No `# syntax=` line: it would be pulled from a hub, and BuildKit has a frontend built in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluice.errors import Mark, SpecError

PACKAGES: Final = "/opt/packages"
CONDA_PREFIX: Final = "/opt/environment"
CONFIG_SECRET: Final = "uv.toml"  # noqa: S105 - the id under which a build is given its indexes

_REFERENCE = re.compile(r"[a-zA-Z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?")
_TOOLS = "--mount=type=bind,source=tools,target=/run/sluice/tools"
# Locked: installs that run at once are slower than one after the other (they share network, disk and cores).
_CACHE = "--mount=type=cache,id=sluice-uv,target=/var/cache/sluice-uv,sharing=locked"
_SECRET = f"--mount=type=secret,id={CONFIG_SECRET},target=/run/secrets/{CONFIG_SECRET}"


@dataclass(frozen=True)
class PackageImage:
    """Locked packages on a base.

    Attributes:
        base: the base image, with its digest where it is known.
        source: the file the packages were asked for in, for the reader.
        shares: names of the files in `lock/`, in order.
        bytecode: compile at build time: a faster first start, a larger image, a slower build.
        own_user: run without privileges. A serving image of Azure starts its server as the user it was made for.
    """

    base: str
    source: str
    shares: Sequence[str]
    bytecode: bool = True
    own_user: bool = True


def pinned(reference: str, digest: str | None, at: Mark | None = None) -> str:
    """Return an image reference with its digest. Raises SpecError for one that can't be a reference."""
    name = reference.strip()
    if not _REFERENCE.fullmatch(name):
        remedy = "For example: mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
        raise SpecError(f"`{reference}` is no image reference", remedy=remedy, at=at)
    return name if digest is None or "@" in name else f"{name}@{digest}"


def package_dockerfile(image: PackageImage) -> str:
    """Return the Dockerfile of an image with locked packages."""
    lines = [
        f"# Made by Sluice from {_comment(image.source)}: what is changed here is lost.",
        f"FROM {image.base} AS root",
        "USER root",
        *(["ENV UV_COMPILE_BYTECODE=1"] if image.bytecode else []),
    ]
    for share in image.shares:
        lines += ["", f"FROM root AS packages-{share}", _install(share)]
    lines += ["", "FROM root AS overlay", f"RUN {_TOOLS} sh /run/sluice/tools/prepare.sh"]
    lines += ["", f"FROM {image.base}", "COPY --from=overlay /overlay/ /"]
    lines += [f"COPY --link --from=packages-{share} {PACKAGES}/ {PACKAGES}/" for share in image.shares]
    lines += [f'ENV PATH="{PACKAGES}/bin:$PATH"', *(_unprivileged() if image.own_user else [])]
    return "\n".join(lines) + "\n"


def _install(share: str) -> str:
    lock = f"--mount=type=bind,source=lock/{share}.txt,target=/run/sluice/lock.txt"
    return " \\\n    ".join([f"RUN {_TOOLS}", lock, _CACHE, _SECRET, "sh /run/sluice/tools/install.sh"])


def _unprivileged() -> list[str]:
    return ["ENV HOME=/home/sluice USER=sluice PYTHONUNBUFFERED=1", "WORKDIR /home/sluice", "USER 1000:1000"]


def _comment(text: str) -> str:
    return re.sub(r"[^\w./ -]", "_", text)


def conda_dockerfile(base: str, conda_file: str) -> str:
    """Return the Dockerfile of a base that has conda, with the environment of `conda_file` of the context on PATH."""
    mounts = [
        f"RUN --mount=type=bind,source={conda_file},target=/run/sluice/{conda_file}",
        "--mount=type=cache,id=sluice-conda,target=/var/cache/sluice-conda,sharing=locked",
        "--mount=type=cache,id=sluice-pip,target=/var/cache/sluice-pip,sharing=locked",
        "CONDA_PKGS_DIRS=/var/cache/sluice-conda PIP_CACHE_DIR=/var/cache/sluice-pip",
        f"conda env create --quiet --prefix {CONDA_PREFIX} --file /run/sluice/{conda_file}",
    ]
    lines = [
        f"# Made by Sluice from {_comment(conda_file)}: what is changed here is lost.",
        f"FROM {base}",
        " \\\n    ".join(mounts),
        f'ENV PATH="{CONDA_PREFIX}/bin:$PATH" CONDA_DEFAULT_ENV={CONDA_PREFIX} CONDA_PREFIX={CONDA_PREFIX}',
    ]
    return "\n".join(lines) + "\n"

"""Which Python packages a deployment asks for besides its server's, and in which file: pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluice.spec.models import Environment, ModelContent


@dataclass(frozen=True)
class Needs:
    """pip requirement lines, the file a lock of them stands beside, and the Python version asked for (`3.10`)."""

    requirements: tuple[str, ...] = ()
    source: Path | None = None
    python_version: str | None = None


def named_image(environment: Environment | None, content: ModelContent | None) -> str | None:
    """Return the image that is asked for: the environment's; else the one that the model's flow names itself."""
    flow = content.flow if content else None
    return (environment.image if environment else None) or (flow.image if flow else None)


def python_needs(environment: Environment | None, content: ModelContent | None) -> Needs:
    """Return what the environment asks for and what the model brings: a flow's packages always, an MLflow model's
    where the environment names none.

    The file is the flow's where the flow names packages, then the environment's, then the MLflow model's.
    """  # noqa: D205 - one sentence
    own = environment.requirements if environment else ()
    flow = content.flow if content else None
    brought = flow.requirements if flow else () if own or content is None else content.requirements
    if flow and flow.requirements:
        source = flow.requirements_file
    elif own and environment:
        source = environment.pip_source
    else:
        source = content.files.get("requirements.txt") if content and brought else None
    version = environment.python_version if environment else None
    return Needs(tuple(dict.fromkeys((*own, *brought))), source, version)

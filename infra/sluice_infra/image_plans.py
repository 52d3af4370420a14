"""Which images a stack's containers need built, and what they were made of the last time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pulumi

from sluice.images.manifest import Manifest, from_json
from sluice.images.pins import Pins
from sluice.images.plan import FLOW_RUNTIME, Details, repository_name
from sluice.images.prepare import Prepared, Subject, is_ready, prepare, wish_of
from sluice.images.uv import Run
from sluice.plan.needs import python_needs
from sluice.plan.runtimes import Runtime, runtime_of
from sluice.plan.servers import ServerKind, server_kind
from sluice.spec.models import Environment, Model, SpecSet
from sluice.spec.references import written_here
from sluice.targets.local.serving.images import is_serving_image, server_packages

PYTHON_BASE: Final = "docker.io/library/python:3.11-slim"
"""What packages go on where nothing names an image and no flow says which runtime it wants."""

Images = Mapping[str, Prepared]
"""By deployment (`endpoint/name`): the image its containers run, where it has to be built."""


def image_plans(specs: SpecSet, runtime: Runtime, manifests: Path) -> Images:
    """Return the images to build. Raises what `prepare` raises, and Unsupported for what nothing can serve."""
    return {key: prepared for key, prepared in _prepared(specs, runtime, manifests) if prepared}


def keeper(images: Images, manifests: Path) -> Callable[[str], None]:
    """Return what writes down that the image of that name is built: the next plan says what changed since."""
    made = {prepared.plan.name: prepared.manifest for prepared in images.values()}

    def keep(name: str) -> None:
        file = _manifest_file(manifests, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made[name].to_json(), encoding="utf-8")

    return keep


def _prepared(specs: SpecSet, runtime: Runtime, manifests: Path) -> Iterator[tuple[str, Prepared | None]]:
    talk, pins = Run(report=pulumi.log.info), Pins(pulumi.log.warn)
    for deployment in specs.deployments:
        if runtime_of(deployment, runtime) is Runtime.DOCKER:
            # What can't be resolved is the plan's to refuse.
            model = written_here(deployment.model, specs.models)
            environment = written_here(deployment.environment, specs.environments)
            kind = server_kind(deployment, model, environment)
            name = repository_name(deployment.endpoint_name, deployment.name)
            subject = _subject(kind, model, environment, _manifest(manifests, name))
            prepared = prepare(subject, details_of(name, subject, pins), talk)
            yield f"{deployment.endpoint_name}/{deployment.name}", prepared


def details_of(name: str, subject: Subject, pins: Pins) -> Details:
    """Return the details of a deployment's image; no registry is asked where nothing is to be built."""
    wish = wish_of(subject)
    serves = is_serving_image(wish.base)
    digest = None if is_ready(wish, serves=serves) else pins.digest(wish, subject.previous)
    return Details(name, digest=digest, serves=serves)


def _subject(
    kind: ServerKind, model: Model | None, environment: Environment | None, previous: Manifest | None
) -> Subject:
    content = model.content if model else None
    base = FLOW_RUNTIME if kind is ServerKind.FLOW else PYTHON_BASE
    own = python_needs(environment, content).requirements
    server = server_packages(environment.image if environment else None, kind, own)
    return Subject(environment, content, server, base, previous)


def _manifest(manifests: Path, name: str) -> Manifest | None:
    try:
        return from_json(_manifest_file(manifests, name).read_text(encoding="utf-8"))
    except OSError:
        return None


def _manifest_file(manifests: Path, name: str) -> Path:
    return manifests / f"{name}.json"

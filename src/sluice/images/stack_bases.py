"""What a stack's images come from, where they have to run on Azure: registries it can reach, and a base that serves
flows.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sluice.errors import Mark
from sluice.images.base import ImageFacts, flow_base_findings, names_flow_runtime, read_image, registry_findings
from sluice.images.plan import FLOW_RUNTIME, dockerfile_base
from sluice.plan.needs import named_image
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.models import Deployment, Environment, SpecSet, where
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.references import written_here

_AT_ONCE = 8
Read = Callable[[str], ImageFacts | None]


def base_findings(specs: SpecSet, read: Read = read_image) -> Iterator[Diagnostic]:
    """Yield what keeps Azure from pulling a base image, or a flow from being served by it; each base once a place.

    A registry is asked only about bases under flows that aren't the runtime by name: see `flow_base_findings`.
    """
    bases = [base for one in specs.deployments for base in _bases(specs, one)]
    # A cluster pulls from wherever it is told to.
    for image, at in dict.fromkeys((base.image, base.at) for base in bases if base.managed):
        yield from registry_findings(image, at)
    under_flows = dict.fromkeys((base.image, base.at) for base in bases if base.serves_flow)
    custom = [(image, at) for image, at in under_flows if not names_flow_runtime(image)]
    facts = _read({image for image, _ in custom}, read)
    for image, at in custom:
        yield from flow_base_findings(image, facts[image], at, facts[FLOW_RUNTIME])


def _read(images: set[str], read: Read) -> dict[str, ImageFacts | None]:
    """Ask for all at once, and for the runtime they are compared with; nobody where there are none."""
    wanted = sorted(images | {FLOW_RUNTIME}) if images else []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(read, wanted), strict=True))


class _Base(NamedTuple):
    """A base image, and where it is named."""

    image: str
    at: Mark
    managed: bool
    serves_flow: bool


def _bases(specs: SpecSet, deployment: Deployment) -> Iterator[_Base]:
    """Yield a deployment's base image, where its specifications name one."""
    environment = written_here(deployment.environment, specs.environments)
    model = written_here(deployment.model, specs.models)
    content = model.content if model else None
    built = environment is not None and environment.build is not None
    image = _of_dockerfile(environment) if environment and built else named_image(environment, content)
    if image and not holds_placeholder(image):
        serves_flow = content is not None and content.flow is not None
        yield _Base(image, _named_at(environment, deployment), deployment.type != "kubernetes", serves_flow)


def _named_at(environment: Environment | None, deployment: Deployment) -> Mark:
    if environment and (environment.image or environment.build):
        return where(environment, "build" if environment.build else "image")
    return where(deployment, "model")


def _of_dockerfile(environment: Environment) -> str | None:
    """Return what a Dockerfile comes from; what can't be read is told by another rule."""
    build = environment.build
    try:
        return dockerfile_base((build.path / build.dockerfile_path).read_text("utf-8")) if build else None
    except (OSError, UnicodeDecodeError):
        return None

"""Images: each a resource of Pulumi's provider `docker-build`, its inputs from a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from sluice.images.builder import StagedContext, image_inputs
from sluice.images.models import ImagePlan
from sluice.images.registry import Registry
from sluice_infra.components.resources import secret

OUTPUTS = ("ref", "digest", "contextHash")


class Image(pulumi.CustomResource):
    """An image that is built and pushed. `ref` names it by digest once it is.

    It stays in its registry when the resource goes: another stack, or a rollback, may need it.
    """

    def __init__(self, name: str, inputs: Mapping[str, Any], version: str, opts: pulumi.ResourceOptions) -> None:
        wanted = {**dict.fromkeys(OUTPUTS), **inputs}
        pinned = pulumi.ResourceOptions(version=version, retain_on_delete=True)
        super().__init__("docker-build:index:Image", name, wanted, pulumi.ResourceOptions.merge(opts, pinned))

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return an output by its name on the wire."""
        value: pulumi.Output[Any] = getattr(self, name)
        return value


@dataclass(frozen=True)
class ImageBuilds:
    """The images of a stack, ready to be registered.

    Attributes:
        plans: By name, the name of a planned resource of type `Image`.
        contexts: The staged build contexts, by name.
        registry: Where all of them go.
        version: The provider's.
        built: Called with the name of each image once it is built; never in a preview.
    """

    plans: Mapping[str, ImagePlan]
    contexts: Mapping[str, StagedContext]
    registry: Registry
    version: str
    built: Callable[[str], None]

    def register(self, name: str, opts: pulumi.ResourceOptions) -> Image:
        """Register one. Raises SecretMissing, Unsupported for a secret of its build that can't be read."""
        plan = self.plans[name]
        secrets = {one.id: secret(one.value) for one in plan.secrets}
        image = Image(name, image_inputs(plan, self.contexts[name], self.registry, secrets), self.version, opts)
        if not pulumi.runtime.is_dry_run():
            image.output("ref").apply(lambda _: self.built(name))
        return image

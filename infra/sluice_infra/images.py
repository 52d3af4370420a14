"""Getting ready to build a stack's images: the provider, BuildKit and the registry, and the staged contexts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pulumi
import yaml

from sluice.engine.images import contexts_folder, machine_services
from sluice.engine.install import ensure_engine
from sluice.engine.parts import pinned_versions
from sluice.engine.plugins import docker_build_supply
from sluice.images.builder import StagedContext
from sluice.images.context import stage
from sluice.images.models import ImagePlan
from sluice.images.registry import Registry
from sluice_infra.components.image import ImageBuilds


def prepare_images(
    root: Path, stack: str, plans: Sequence[ImagePlan], registry: str | None, built: Callable[[str], None]
) -> ImageBuilds:
    """Return the images of a stack, with all that is needed to build them in place; a preview starts nothing.

    Args:
        root: The project.
        stack: The stack's name.
        plans: What to build.
        registry: Where images go; None for the registry on loopback.
        built: Called with the name of each image once it is built.

    Raises:
        BuilderFailed: Images can't be built here, or what builds them does not start.
        EngineMissing: The provider, or a tool, is neither here nor can it be installed.
        SpecError: A file of a context changed meanwhile.
        StorageFailed: No space.
    """
    for plan in plans:
        if plan.reasons:
            _tell(f"{plan.name}: {'; '.join(plan.reasons)}")
    docker_build_supply(ensure_engine(_tell)).ensure(_tell)
    folder = contexts_folder(root, stack)
    contexts = {plan.name: _staged(root, stage(plan, folder)) for plan in plans}
    if not pulumi.runtime.is_dry_run():
        _remove_others(folder, plans)
    place = _registry(folder, registry)
    return ImageBuilds({plan.name: plan for plan in plans}, contexts, place, pinned_versions().docker_build, built)


def _tell(line: str) -> None:
    pulumi.log.info(line)


def _registry(stack: Path, wanted: str | None) -> Registry:
    services = machine_services()
    if pulumi.runtime.is_dry_run():
        return Registry(wanted) if wanted else services.local_registry()
    local = services.ensure(_tell, stack, local=wanted is None)
    return Registry(wanted) if wanted else local


def _staged(root: Path, folder: Path) -> StagedContext:
    """Return the paths as the provider follows them: from the program's folder, the same in every checkout."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8"))
    place = os.path.relpath(folder, root / str(project.get("main", ".")))
    return StagedContext(f"{place}/context", f"{place}/Dockerfile")


def _remove_others(folder: Path, plans: Sequence[ImagePlan]) -> None:
    """Remove contexts that no image of the stack has any more."""
    wanted = {plan.context_hash for plan in plans}
    for old in folder.iterdir():
        if old.name not in wanted:
            shutil.rmtree(old, ignore_errors=True)

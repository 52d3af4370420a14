"""What a deployment's reference to a model or an environment means to ARM. Pure."""

from __future__ import annotations

from typing import Final

from sluice.errors import SpecError
from sluice.plan.azure_site import Site
from sluice.spec.terms import AssetReference

_REGISTRY: Final = "azureml://registries/"


def asset_id(reference: AssetReference, collection: str, site: Site) -> str:
    """Return the id of an asset that no specification of the stack has: of the workspace, or of a registry.

    Args:
        reference: `azureml:NAME:VERSION`, `azureml:NAME@LABEL`, an ARM id, or a registry's address.
        collection: `models` or `environments`.
        site: the workspace, with what labels stand for.

    Raises:
        SpecError: a label that nobody has looked up, or a name without a version.
    """
    text = reference.text.strip()
    if text.lower().startswith(_REGISTRY):
        return text
    if text.removeprefix("azureml:").startswith("/"):
        return text.removeprefix("azureml:")
    if reference.name and reference.version:
        return site.within(collection, reference.name, "versions", reference.version)
    found = site.labels.get(text)
    if found is None:
        raise SpecError(
            f"{text} names no version, and the workspace {site.workspace} has none that it stands for",
            remedy="Name a version: azureml:NAME:VERSION.",
            at=reference.at,
        )
    return found

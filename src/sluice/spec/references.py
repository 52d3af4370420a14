"""The two kinds of reference a specification holds: to assets (`azureml:…`) and to secrets (`${…}`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from sluice.errors import Mark
from sluice.spec.terms import AssetReference, SecretReference, SecretScheme, Value

if TYPE_CHECKING:
    from sluice.spec.models import Environment, Model

Asset = TypeVar("Asset", "Model", "Environment")
_CONNECTION = re.compile(r"\$\{\{\s*azureml://connections/(?P<name>[^}/\s]+)[^}]*\}\}")

_VERSIONED = re.compile(r"azureml:(?P<name>[^:@/\s]+)(?::(?P<version>[^:@\s]+)|@(?P<label>[^:@\s]+))")
_ADDRESS = re.compile(r"(azureml:)?/.*/(?P<name>[^/\s]+)/(versions/(?P<version>[^/\s]+)|labels/(?P<label>[^/\s]+))/?")
_SECRET = re.compile(r"\$\{(?P<scheme>[A-Za-z]+):(?P<name>[^{}]*)\}")
_VAULT_SECRET = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9-]+(/[A-Za-z0-9]+)?")


def asset_reference(text: str, at: Mark) -> AssetReference:
    """Return the reference that `text` is; name, version and label are None where the text does not hold them."""
    found = _VERSIONED.fullmatch(text) or _ADDRESS.fullmatch(text)
    parts = found.groupdict() if found else {}
    return AssetReference(text, parts.get("name"), parts.get("version"), parts.get("label"), at)


def secret_reference(text: str, at: Mark) -> SecretReference | None:
    """Return the secret reference that `text` is as a whole, or None for any other text."""
    found = _SECRET.fullmatch(text.strip())
    if not found or secret_reference_fault(text):
        return None
    return SecretReference(SecretScheme(found["scheme"].lower()), found["name"].strip(), at)


def secret_or_literal(text: str, at: Mark) -> SecretReference:
    """Return the secret reference that `text` is, or the text itself as a literal secret."""
    return secret_reference(text, at) or SecretReference(SecretScheme.LITERAL, text, at)


def secret_reference_fault(text: str) -> str | None:
    """Return what is wrong with a text of the form `${scheme:name}`; None for a right one and for any other text."""
    found = _SECRET.fullmatch(text.strip())
    if not found:
        return None
    scheme, name = found["scheme"].lower(), found["name"].strip()
    if scheme not in {"config", "env", "keyvault"}:
        return f"unknown kind of secret reference `{scheme}`"
    if scheme == "keyvault" and not _VAULT_SECRET.fullmatch(name):
        return "a Key Vault reference names a vault and a secret"
    if scheme != "keyvault" and not re.fullmatch(r"[\w.:-]+", name):
        return "the secret reference has no usable name"
    return None


def find_local(reference: AssetReference, known: Mapping[tuple[str, str], Asset]) -> Asset | None:
    """Return the asset that `reference` names, if it is written in this project; @latest is the highest version."""
    if reference.text.startswith(("azureml:/", "/")) or reference.name is None:
        return None
    if reference.version is not None:
        return known.get((reference.name, reference.version))
    versions = [version for name, version in known if name == reference.name]
    return known[reference.name, max(versions, key=version_order)] if versions and reference.label == "latest" else None


def written_here(asset: Asset | AssetReference | None, known: Mapping[tuple[str, str], Asset]) -> Asset | None:
    """Return a specification's model or environment: the one inside it, or the one of this project that it names."""
    return find_local(asset, known) if isinstance(asset, AssetReference) else asset


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return what versions are sorted by: numbers as numbers."""
    parts = re.findall(r"\d+|\D+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def referenced_connection(value: Value) -> str | None:
    """Return the connection named by `${{azureml://connections/NAME...}}` anywhere in a value, else None."""
    found = _CONNECTION.search(value) if isinstance(value, str) else None
    return found["name"] if found else None


def connection_used(name: str, variables: Mapping[str, Value]) -> str:
    """Return the connection that stands behind a flow's `name`.

    The deployment's variable of that name (a space is an underscore there) overrides it with another name,
    or with a reference (deploy document, "other connections").
    """
    override = variables.get(name.replace(" ", "_"))
    if not isinstance(override, str) or not override:
        return name
    return referenced_connection(override) or override

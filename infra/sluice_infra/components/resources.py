"""Pulumi resources from the plan's data: one class for all, since the plan knows the properties."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import pulumi

from sluice.errors import SecretMissing, Unsupported
from sluice.plan.graph import Output, Resource
from sluice.spec.terms import SecretReference, SecretScheme


class SluiceResource(pulumi.CustomResource):
    """A resource of our provider. `outputs` names what it adds to its inputs."""

    def __init__(
        self, planned: Resource, properties: Mapping[str, Any], outputs: tuple[str, ...], opts: pulumi.ResourceOptions
    ) -> None:
        wanted = {**dict.fromkeys(outputs), **properties}
        super().__init__(f"sluice:index:{planned.type}", planned.name, wanted, opts)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return an output by its name on the wire."""
        value: pulumi.Output[Any] = getattr(self, name)
        return value


# What each type adds to its inputs (the provider's `computed`, here for the program that reads them).
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "Connection": ("revision",),
    "Environment": ("key",),
    "Endpoint": ("url", "primaryKey", "secondaryKey"),
}


ReadVault: TypeAlias = Callable[[SecretReference], str]
"""Returns the value of a `${keyvault:...}` reference."""


class HasOutputs(Protocol):
    """A registered resource whose outputs are read by name."""

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return an output by its name on the wire."""


def no_vault(reference: SecretReference) -> str:
    """Raise Unsupported: the local target reads no vault."""
    raise Unsupported(
        f"${{keyvault:{reference.name}}} needs Azure, which the local target has not",
        remedy="Use ${config:NAME} or ${env:NAME} in an overlay of this stack.",
        at=reference.at,
    )


def resolved(value: Any, made: Mapping[str, HasOutputs], read_vault: ReadVault = no_vault) -> Any:
    """Return a planned property as Pulumi takes it: outputs linked, secret references read and marked."""
    if isinstance(value, SecretReference):
        return secret(value, read_vault)
    if isinstance(value, Output):
        return _output(value, made)
    if isinstance(value, Mapping):
        return {key: resolved(child, made, read_vault) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolved(child, made, read_vault) for child in value]
    return value


def _output(wanted: Output, made: Mapping[str, HasOutputs]) -> pulumi.Output[Any]:
    """Return an output of a resource, or what lies below one: `identity.principalId`."""
    name, _, below = wanted.property.partition(".")
    found = made[wanted.resource].output(name)
    return found.apply(lambda value: _below(value, below)) if below else found


def _below(value: Any, path: str) -> Any:
    """Return what lies at a path; in a preview, what is not there yet will be known later."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return _known_later() if value is None and pulumi.runtime.is_dry_run() else value


def _known_later() -> pulumi.Output[Any]:
    """Return an output that a preview can't tell."""

    async def given(value: Any) -> Any:
        return value

    return pulumi.Output(set(), given(None), is_known=given(value=False))


def secrets_in(value: Any) -> Iterator[SecretReference]:
    """Yield the secret references anywhere in a planned property."""
    if isinstance(value, SecretReference):
        yield value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from secrets_in(child)


def secret(reference: SecretReference, read_vault: ReadVault = no_vault) -> pulumi.Output[str]:
    """Return a secret's value, marked as one. Raises SecretMissing, and what `read_vault` raises."""
    if reference.scheme is SecretScheme.LITERAL:
        return pulumi.Output.secret(reference.name)
    if reference.scheme is SecretScheme.KEYVAULT:
        return pulumi.Output.secret(read_vault(reference))
    found = _from_config(reference) if reference.scheme is SecretScheme.CONFIG else _from_environment(reference)
    if found is None:
        raise _missing(reference)
    return found


def _from_config(reference: SecretReference) -> pulumi.Output[str] | None:
    return pulumi.Config().get_secret(reference.name)


def _from_environment(reference: SecretReference) -> pulumi.Output[str] | None:
    value = os.environ.get(reference.name)
    return pulumi.Output.secret(value) if value else None


def _missing(reference: SecretReference) -> SecretMissing:
    into = f"pulumi config set --stack {pulumi.get_stack()} --secret {reference.name}"
    how = {
        SecretScheme.CONFIG: f'Set it: eval "$(sluice shell-env)"; {into}',
        SecretScheme.ENV: f"Set it: export {reference.name}=...",
    }
    message = f"${{{reference.scheme}:{reference.name}}} is not set"
    return SecretMissing(message, remedy=how[reference.scheme], at=reference.at)

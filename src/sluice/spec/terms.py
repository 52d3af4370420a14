"""The small values that rules and models share: references to secrets and to assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sluice.errors import Mark


class SecretScheme(StrEnum):
    """Where a secret reference points."""

    CONFIG = "config"
    ENV = "env"
    KEYVAULT = "keyvault"
    LITERAL = "literal"


@dataclass(frozen=True)
class SecretReference:
    """A secret in a spec: `${config:NAME}`, `${env:NAME}`, `${keyvault:VAULT/NAME}`, or written out.

    `name` is what stands after the colon; for LITERAL it is the secret itself, so it never shows in `repr`.
    """

    scheme: SecretScheme
    name: str = field(repr=False)
    at: Mark | None = field(default=None, compare=False)


Value = str | SecretReference


@dataclass(frozen=True)
class AssetReference:
    """`azureml:name:version`, `azureml:name@label`, an ARM id, or a registry address (kept in `text`)."""

    text: str
    name: str | None = None
    version: str | None = None
    label: str | None = None
    at: Mark | None = field(default=None, compare=False)

"""Who we are to Azure: a token from whatever login there is, kept until shortly before it ends."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sluice.targets.azure.errors import AzureLogin

MANAGEMENT: Final = "https://management.azure.com/.default"
INFERENCE: Final = "https://ml.azure.com/.default"
"""The audience of an endpoint whose callers prove themselves by Entra ID (auth_mode aad_token)."""

_EARLY_S: Final = 300


class AccessToken(Protocol):
    """A token, and when it ends (seconds since 1970)."""

    @property
    def token(self) -> str:
        """The token itself."""

    @property
    def expires_on(self) -> int:
        """When it ends."""


class Credential(Protocol):
    """What azure-identity's credentials are."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for `scopes`."""
        ...


@dataclass
class Tokens:
    """Tokens for one audience.

    Attributes:
        credential: whose tokens; None for whatever login there is, found at the first request.
        now: the time in seconds since 1970.
    """

    now: Callable[[], float]
    credential: Credential | None = None
    scope: str = MANAGEMENT
    _held: AccessToken | None = field(default=None, repr=False)

    def token(self) -> str:
        """Return a token that is good for minutes yet. Raises AzureLogin."""
        if self._held is None or self._held.expires_on - _EARLY_S < self.now():
            self._held = self._fresh()
        return self._held.token

    @property
    def ends(self) -> float:
        """Return when the token that was given last ends; 0 before any."""
        return float(self._held.expires_on) if self._held else 0.0

    def renew(self, claims: str | None = None) -> None:
        """Get another token: this one was refused; `claims` is what Azure asks it to say. Raises AzureLogin."""
        self._held = self._fresh(**({"claims": claims} if claims else {}))

    def _fresh(self, **options: Any) -> AccessToken:
        self.credential = self.credential or default_credential()
        try:
            return self.credential.get_token(self.scope, **options)
        except Exception as error:
            # azure-identity's errors say per kind of login why it is none; they hold no token.
            raise AzureLogin(
                "nobody is logged in to Azure here, or the login has ended",
                remedy="Run: az login. A pipeline sets AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret or a token file.",
                details=_first_lines(error),
            ) from None


def object_id(token: str) -> str:
    """Return the object id of whom a token is for; empty where it can't be told. It only names them, proves nothing."""
    part = token.split(".")[1:2]
    try:
        claims = json.loads(urlsafe_b64decode(part[0] + "==")) if part else {}
    except ValueError:
        return ""
    return str(claims.get("oid") or "") if isinstance(claims, dict) else ""


def default_credential() -> Credential:
    """Return azure-identity's default credential: environment, workload and managed identity, then tools' logins.

    Raises AzureLogin where azure-identity is not installed.
    """
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise AzureLogin("azure-identity is not installed", remedy='Install it: pip install "sluice[azure]"') from None
    credential: Credential = DefaultAzureCredential()
    return credential


def _first_lines(error: Exception) -> str:
    return "\n".join(str(error).splitlines()[:6])[:600]

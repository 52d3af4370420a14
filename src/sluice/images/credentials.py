"""Credentials of private feeds: asked for in a fixed order, from where they are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sluice.errors import SecretMissing
from sluice.images.feeds import Credential, Feed, variable

Provider = Callable[[Feed], Credential | None]

_AZURE_HOSTS: Final = ("pkgs.dev.azure.com", ".visualstudio.com")
_AZURE_DEVOPS: Final = "499b84ac-1321-427f-aa17-267ca6975798/.default"  # the scope of Azure DevOps' own application
_TOKEN_USER: Final = "token"  # noqa: S105 - feeds that take a token ask for any user


def credentials_for(feeds: Sequence[Feed], providers: Sequence[Provider]) -> Mapping[str, Credential]:
    """Return the credential of each private feed, by address, from the first provider that has one.

    Raises:
        SecretMissing: a feed that no provider has one for.
    """
    found: dict[str, Credential] = {}
    for feed in (feed for feed in feeds if feed.private):
        credential = next((one for provider in providers if (one := provider(feed))), None)
        if credential is None:
            raise SecretMissing(
                f"no credential for the private feed on {feed.host}: not in {variable(feed)}, not in the keyring,"
                " no Azure identity",
                remedy=f"Set {variable(feed)} to USER:PASSWORD or to a token, or keep one with `keyring set`.",
            )
        found[feed.url] = credential
    return found


def providers(environ: Mapping[str, str] = os.environ) -> tuple[Provider, ...]:
    """Return where credentials are looked for, in order: the environment, the keyring, the Azure identity."""
    return (from_environment(environ), from_keyring, from_azure)


def from_environment(environ: Mapping[str, str]) -> Provider:
    """Return a provider that reads `SLUICE_FEED_<HOST>`: `user:password`, or a token alone."""

    def provide(feed: Feed) -> Credential | None:
        value = environ.get(variable(feed), "")
        user, colon, password = value.partition(":")
        if not value:
            return None
        return Credential(user, password) if colon else Credential(_TOKEN_USER, value)

    return provide


def from_keyring(feed: Feed) -> Credential | None:
    """Return what the package `keyring` keeps for the feed's address or host; None where it is not installed."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        found = next((one for name in (feed.url, feed.host) if (one := keyring.get_credential(name, None))), None)
    except keyring.errors.KeyringError:
        return None
    return Credential(found.username or _TOKEN_USER, found.password) if found else None


def from_azure(feed: Feed) -> Credential | None:
    """Return a token of the Azure identity for a feed of Azure DevOps; None elsewhere, or where there is none."""
    if not feed.host.endswith(_AZURE_HOSTS):
        return None
    try:
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import DefaultAzureCredential
    except ImportError:
        return None
    try:
        return Credential(_TOKEN_USER, DefaultAzureCredential().get_token(_AZURE_DEVOPS).token)
    except ClientAuthenticationError:
        return None

"""Values that may be secret: opened where they are used, and taken out of all that is shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from sluice.errors import SecretMissing
from sluice.rollout.world import Scene
from sluice.spec.rollout import Evaluate, Notify, Webhook, Work
from sluice.spec.terms import SecretScheme, Value

_HIDDEN = "***"
_SHORTEST_PATH = 16  # `evaluate` is a word, `services/T0/B0/x7Ja...` is not
_PLAIN_HEADERS = frozenset({"accept", "content-type", "user-agent"})
_SHORTEST = 8  # shorter ones would blank words of every message, and protect nothing


def revealed(value: Value) -> str:
    """Return the text behind a value: itself, a literal secret, or a variable of the environment.

    Raises:
        SecretMissing: the variable is not set, or the reference is to a store that is not read here.
    """
    if isinstance(value, str):
        return value
    if value.scheme is SecretScheme.LITERAL:
        return value.name
    if value.scheme is SecretScheme.ENV and value.name in os.environ:
        return os.environ[value.name]
    raise SecretMissing(
        f"the secret {value.scheme.value}:{value.name} has no value here",
        remedy="Give it a value and run sluice up again.",
        at=value.at,
    )


def revealed_all(values: Mapping[str, Value]) -> dict[str, str]:
    """Return the texts behind values. Raises SecretMissing."""
    return {name: revealed(value) for name, value in values.items()}


def known_secrets(work: Work | Notify, scene: Scene | None = None) -> tuple[str, ...]:
    """Return every text that must not be shown: the door's headers, the work's own, its address and what of it is path.

    Of a header with a scheme, as `Bearer KEY`, the key alone is one too. Raises SecretMissing.
    """
    values = [*scene.headers.values()] if scene else []
    addresses: list[str] = []
    if isinstance(work, Evaluate | Webhook | Notify):
        values += [revealed(value) for name, value in work.headers.items() if name.lower() not in _PLAIN_HEADERS]
        addresses = _parts_of(revealed(work.address))
    keys = [parts[-1] for text in values if (parts := text.split())]
    return tuple(dict.fromkeys([*values, *keys, *addresses]))


def _parts_of(address: str) -> list[str]:
    path = address.partition("://")[2].partition("/")[2]
    return [address, path] if len(path) >= _SHORTEST_PATH else [address]


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret in it replaced by three asterisks; the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN)
    return text


def place(address: Value) -> str:
    """Return host and port of an address: all of it that may be shown, for path and query are often secret."""
    try:
        parts = urlsplit(revealed(address))
        port = f":{parts.port}" if parts.port else ""
    except (ValueError, SecretMissing):
        return "the address"
    return f"{parts.hostname}{port}" if parts.hostname else "the address"

"""Package indexes that requirements name, and the credentials of private ones. Deciding is pure; looking up is not.

`-i https://{private}@FEED` (prompt flow's way to write a private feed) keeps its secret out of every file: only the
build, and uv while it resolves, are told, by a configuration file that is a secret itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from sluice.images.dockerfile import CONFIG_SECRET
from sluice.images.models import BuildSecret
from sluice.spec.terms import SecretReference, SecretScheme

PLACEHOLDER: Final = "{private}"

_OPTION = re.compile(
    r"(?:(?P<default>-i|--index-url|--pypi-url)|(?P<extra>--extra-index-url))[\s=]*(?P<url>\S+)\s*(?P<rest>.*)"
)
_MACHINE = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")


@dataclass(frozen=True)
class Credential:
    """Who a feed is asked as."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class Feed:
    """A package index. `url` has no credential; `own` is one written into the address, which is a mistake in a file.

    `default` replaces the public index, others come before it; `private` asks for a credential.
    """

    url: str
    default: bool = False
    private: bool = False
    own: Credential | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The host's name, without port."""
        return urlsplit(self.url).hostname or ""


def split_feeds(lines: Iterable[str]) -> tuple[tuple[Feed, ...], tuple[str, ...]]:
    """Return the indexes that requirement lines name, and all other lines.

    `-i URL package` on one line, as prompt flow's documents write it, gives both.
    """
    feeds: list[Feed] = []
    others: list[str] = []
    for line in lines:
        found = _OPTION.fullmatch(line.strip())
        if not found:
            others.append(line)
            continue
        feeds.append(feed_of(found["url"], default=found["default"] is not None))
        others += [found["rest"]] if found["rest"] else []
    return tuple(dict.fromkeys(feeds)), tuple(others)


def feed_of(url: str, *, default: bool) -> Feed:
    """Return the feed at `url`, its user information taken out of the address."""
    parts = urlsplit(url.strip("'\""))
    user, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host))
    name, _, password = user.partition(":")
    own = Credential(unquote(name), unquote(password)) if user and PLACEHOLDER not in user else None
    return Feed(plain, default, PLACEHOLDER in user, own)


def machine_feed(environ: Mapping[str, str]) -> Feed | None:
    """Return the index that this machine takes instead of the public one, from uv's and pip's own variables."""
    url = next((environ[name] for name in _MACHINE if environ.get(name)), None)
    return feed_of(url, default=True) if url else None


def uv_config(feeds: Sequence[Feed], credentials: Mapping[str, Credential]) -> str:
    """Return uv's configuration for these indexes; `credentials` by address. A secret: it holds them.

    uv takes a package from the first index that has it, the named ones before the public one: no one can slip in
    a package of the same name elsewhere.
    """
    ordered = sorted(feeds, key=lambda feed: feed.default)
    return "\n".join(_index(number, feed, credentials.get(feed.url)) for number, feed in enumerate(ordered))


def _index(number: int, feed: Feed, credential: Credential | None) -> str:
    url = _with_credential(feed.url, credential or feed.own)
    default = "default = true\n" if feed.default else ""
    return f'[[index]]\nname = "feed-{number}"\nurl = {json.dumps(url)}\n{default}'


def _with_credential(url: str, credential: Credential | None) -> str:
    if credential is None:
        return url
    parts = urlsplit(url)
    user = f"{quote(credential.username, safe='')}:{quote(credential.password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))


def build_secrets(feeds: Sequence[Feed], credentials: Mapping[str, Credential]) -> tuple[BuildSecret, ...]:
    """Return what a build is told of its indexes; nothing where it uses the public one."""
    if not feeds:
        return ()
    config = uv_config(feeds, credentials)
    return (BuildSecret(CONFIG_SECRET, SecretReference(SecretScheme.LITERAL, config)),)


def redacted(text: str, credentials: Iterable[Credential]) -> str:
    """Return `text` without any of the credentials, written as they are or as addresses write them."""
    for credential in credentials:
        for secret in (credential.password, quote(credential.password, safe="")):
            text = text.replace(secret, "****") if secret else text
    return re.sub(r"://[^/@\s]+@", "://****@", text)


def variable(feed: Feed) -> str:
    """Return the environment variable that holds a feed's credential: `user:password`, or a token alone."""
    return "SLUICE_FEED_" + re.sub(r"[^A-Z0-9]+", "_", feed.host.upper()).strip("_")

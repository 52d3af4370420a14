"""Digests for base images: a tag moves, a digest does not, so what is built says which base it meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sluice.images.base import ImageFacts, read_image
from sluice.images.manifest import Manifest
from sluice.images.plan import Form, Wish


@dataclass(frozen=True)
class Pins:
    """The digests of base images, each asked for once.

    Attributes:
        tell: is given a line for each base that stays without a digest.
        read: asks a registry about an image.
    """

    tell: Callable[[str], None]
    read: Callable[[str], ImageFacts | None] = read_image
    _found: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def digest(self, wish: Wish, previous: Manifest | None) -> str | None:
        """Return the digest of the wish's base: as its registry says, else as the image had it the last time.

        So nothing is built again because a registry can't be reached. None where neither knows, where the base has
        a digest already, and for images that aren't built on it by us.
        """
        if wish.form not in (Form.PACKAGES, Form.CONDA) or "@" in wish.base:
            return None
        found = self._current(wish.base) or _kept(wish.base, previous)
        if not found and previous is None and wish.base not in self._told:
            self._told.add(wish.base)
            self.tell(f"{wish.base}: its registry does not tell its digest, so the tag alone names the base")
        return found or None

    def _current(self, base: str) -> str:
        if base not in self._found:
            facts = self.read(base)
            self._found[base] = facts.digest if facts else ""
        return self._found[base]


def _kept(base: str, previous: Manifest | None) -> str:
    name, _, digest = previous.base.partition("@") if previous else ("", "", "")
    return digest if name == base.strip() else ""

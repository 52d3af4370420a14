"""What an image was made of, small enough to be kept: so that the next plan can say why it is built again. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sluice.images.lock import Changes, changes
from sluice.spec.frozen import frozen_map

_LONGEST = 5


@dataclass(frozen=True)
class Manifest:
    """What an image is made of.

    Attributes:
        base: its base, with digest where it is known.
        source: the file its packages were asked for in; empty for a Dockerfile of the user's.
        recipe: SHA-256 of the Dockerfile and the tools beside it.
        packages: versions by name.
        files: SHA-256 by name, of the user's own build context.
        platforms: what it is built for.
    """

    base: str
    source: str
    recipe: str
    packages: Mapping[str, str] = field(default_factory=frozen_map)
    files: Mapping[str, str] = field(default_factory=frozen_map)
    platforms: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return it as text that `from_json` reads."""
        plain = {
            "base": self.base,
            "source": self.source,
            "recipe": self.recipe,
            "packages": dict(self.packages),
            "files": dict(self.files),
            "platforms": self.platforms,
        }
        return json.dumps(plain, sort_keys=True)


def from_json(text: str) -> Manifest | None:
    """Return a manifest that was kept; None for what this version of Sluice does not read."""
    try:
        plain = json.loads(text)
        return Manifest(
            str(plain["base"]),
            str(plain["source"]),
            str(plain["recipe"]),
            frozen_map({str(name): str(version) for name, version in plain["packages"].items()}),
            frozen_map({str(name): str(digest) for name, digest in plain["files"].items()}),
            tuple(map(str, plain["platforms"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def reasons(before: Manifest | None, now: Manifest) -> tuple[str, ...]:
    """Return why an image is built: what differs from the last time, in words; nothing where nothing does."""
    if before is None:
        return ("not built yet",)
    found = tuple(_reasons(before, now))
    # The recipe follows from the rest for images of ours: alone, it means that Sluice builds them otherwise now.
    return found or ((_recipe(now),) if before.recipe != now.recipe else ())


def _reasons(before: Manifest, now: Manifest) -> Iterator[str]:
    if before.base != now.base:
        yield f"base changed: {before.base} -> {now.base}"
    if before.platforms != now.platforms:
        yield f"platforms changed: {', '.join(before.platforms)} -> {', '.join(now.platforms)}"
    if found := changes(before.packages, now.packages):
        yield f"{now.source or 'packages'} changed: {_listed(found.words())}"
    if found := changes(before.files, now.files):
        if not now.source and before.recipe != now.recipe:
            yield "Dockerfile changed"
        yield f"build context changed: {_listed(_file_words(found))}"


def _file_words(found: Changes) -> tuple[str, ...]:
    return (
        *(f"+{name}" for name in found.added),
        *(f"-{name}" for name in found.removed),
        *(f"{name} is another" for name in found.changed),
    )


def _recipe(now: Manifest) -> str:
    return "built in another way than before" if now.source else "Dockerfile changed"


def _listed(words: tuple[str, ...]) -> str:
    more = len(words) - _LONGEST
    return ", ".join(words[:_LONGEST]) + (f" and {more} more" if more > 0 else "")

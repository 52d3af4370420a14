"""Which files of a build context are left out: `.dockerignore`, by Docker's own rules.

They are not git's: patterns start at the context's root, and `!` brings back what lies in an ignored folder.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from sluice.errors import SpecError


@dataclass(frozen=True)
class IgnoreRule:
    """One line: names that match are left out, or (`keeps`) brought back."""

    pattern: re.Pattern[str]
    keeps: bool = False

    def matches(self, name: str) -> bool:
        """Tell whether the rule is about the file, or about a folder that holds it."""
        path = PurePosixPath(name)
        return any(self.pattern.fullmatch(str(one)) for one in (path, *path.parents) if one.name)


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of one ignore file, in order: the last one that matches decides."""

    rules: tuple[IgnoreRule, ...] = ()

    def ignores(self, name: str) -> bool:
        """Tell whether `name` (inside the context, with forward slashes) is left out."""
        ignored = False
        for rule in self.rules:
            if rule.keeps == ignored and rule.matches(name):
                ignored = not rule.keeps
        return ignored

    def prunes(self, folder: str) -> bool:
        """Tell whether nothing in `folder` can be wanted, so that it need not be read."""
        return self.ignores(folder) and not any(rule.keeps for rule in self.rules)


def read_rules(text: str, file: str = ".dockerignore") -> IgnoreRules:
    """Return the rules an ignore file holds.

    Raises:
        SpecError: a pattern that Docker would refuse.
    """
    return IgnoreRules(tuple(_rules(text.removeprefix("\ufeff"), file)))


def _rules(text: str, file: str) -> Iterator[IgnoreRule]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        keeps = line.strip().startswith("!")
        written = line.strip().removeprefix("!").strip()
        pattern = posixpath.normpath(written).lstrip("/") if written else ""
        if not pattern and not written.startswith("/"):
            raise SpecError(f"{file}, line {number}: `!` without a pattern", remedy="Say what to bring back.")
        try:
            yield IgnoreRule(re.compile(_expression(pattern)), keeps)
        except (ValueError, re.error):
            raise SpecError(f"{file}, line {number}: `{line.strip()}` is no pattern", remedy="Close its `[`.") from None


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression for whole names: `**` crosses folders, `*` and `?` do not."""
    if pattern.startswith("**") and not re.search(r"[*?\[\\]", pattern[2:]):
        return _anywhere(pattern[2:])
    parts = re.findall(r"\*\*/?|\*|\?|\[\^?(?:\\.|[^\]\\])+\]|\\.|.", pattern, re.DOTALL)
    return "".join(_part(part, last=index == len(parts) - 1) for index, part in enumerate(parts))


def _anywhere(rest: str) -> str:
    """Return what `**` before plain text means to Docker: names that end so."""
    name = re.escape(rest.removeprefix("/"))
    return f"(?:.*/)?{name}" if rest.startswith("/") else f".*{name}"


def _part(part: str, *, last: bool) -> str:
    if part.startswith("**"):
        return ".*" if last else "(?:.*/)?"
    if part in {"*", "?"}:
        return "[^/]" + part.replace("?", "")
    if part in {"[", "\\"}:
        raise ValueError(part)
    if len(part) > 1 and part.startswith("["):
        return "[" + re.sub(r"(?<!\\)[\[&~|]", r"\\\g<0>", part[1:-1]) + "]"
    return re.escape(part[-1])

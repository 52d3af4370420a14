"""The project's documents, taken apart: links, headings, blocks of code, and the commands they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`(?P<text>[^`\n]+)`")
_NESTED = re.compile(r"\$\((?P<text>sluice [^)|]*)")
_ENDS = frozenset({"|", "||", "&&", ";", ">", "2>", "<"})


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str


def documents() -> list[Path]:
    """Every Markdown file that users read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document."""
    return [Block(found["language"], found["text"]) for found in _FENCE.finditer(text)]


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """The targets of the links in a document's prose."""
    return [found["target"] for found in _LINK.finditer(prose(text))]


def anchors(text: str) -> set[str]:
    """The names by which a document's headings can be linked to, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every `sluice …` that a document shows, in blocks and in its lines."""
    for block in blocks(text):
        if block.language in {"sh", "console"}:
            for line in block.text.splitlines():
                yield from _of_line(line.removeprefix("$ "))
    for found in _INLINE.finditer(prose(text)):
        yield from _of_line(found["text"])


def _of_line(line: str) -> Iterator[list[str]]:
    for found in _NESTED.finditer(line):
        yield shlex.split(found["text"])[1:]
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an inline snippet with half a quotation
        words = line.split()
    for start in [index for index, word in enumerate(words) if word.rpartition("/")[2] == "sluice"]:
        begins = start == 0 or words[start - 1] in _ENDS
        rest = words[start + 1 :]
        end = next((index for index, word in enumerate(rest) if word in _ENDS), len(rest))
        if begins:
            yield rest[:end]

"""What each code means: one page a code, `codes/<code>.md`, its title in the first line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "codes"


@dataclass(frozen=True)
class Page:
    """The page of one code; `text` is Markdown, its first line the title as a heading."""

    code: str
    text: str

    @property
    def title(self) -> str:
        """The title, without Markdown's sign."""
        return self.text.partition("\n")[0].removeprefix("#").strip()

    @property
    def body(self) -> str:
        """What follows the title."""
        return self.text.partition("\n")[2].strip()


def page_of(code: str) -> Page | None:
    """Return the page of `code`, or None where no finding has such a code."""
    return next((page for page in pages() if page.code == code), None)


def pages() -> Iterator[Page]:
    """Yield every page, in the order of the codes."""
    for file in sorted(_FOLDER.glob("*.md"), key=lambda file: file.stem):
        yield Page(file.stem, file.read_text(encoding="utf-8"))

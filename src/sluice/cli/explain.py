"""`sluice explain`: what a code means, why it matters, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sluice.cli.options import Option, Verb, parse
from sluice.errors import UsageError
from sluice.spec.pages import Page, page_of, pages

ABOUT = """Say what a code means, why it matters, and how to mend it; without a code, list them all.

Examples:
  sluice explain traffic-sum
  sluice explain --json"""

VERB = Verb(
    "explain",
    ABOUT,
    (
        Option("code", (), "The code, as it stands in brackets in a finding: error[traffic-sum].", "CODE"),
        Option("as_json", ("--json",), "Print JSON."),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Explain as `arguments` ask, and return the exit status. Raises UsageError for a code that there is not."""
    asked = parse(VERB, arguments)
    return explain(asked.code, as_json=asked.as_json)


def explain(code: str | None, *, as_json: bool) -> int:
    """Print the page of `code`, or the list of all, and return the exit status. Raises UsageError."""
    if code is None:
        listed = tuple(pages())
        _say(_json([{"code": page.code, "title": page.title} for page in listed]) if as_json else _table(listed))
        return 0
    page = page_of(code) or _unknown(code)
    _say(_json({"code": page.code, "title": page.title, "text": page.body}) if as_json else page.text.rstrip())
    return 0


def _unknown(code: str) -> Page:
    from difflib import get_close_matches

    meant = get_close_matches(code, [page.code for page in pages()], n=1)
    remedy = f"Did you mean {meant[0]}?" if meant else "List them: sluice explain"
    raise UsageError(f"no finding has the code {code!r}", remedy=remedy)


def _table(listed: Sequence[Page]) -> str:
    width = max((len(page.code) for page in listed), default=0)
    return "\n".join(f"{page.code:{width}}  {page.title}" for page in listed)


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")

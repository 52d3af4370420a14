"""What the YAML parser stumbles over, told where the fault is and not where the parser noticed it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sluice.errors import Mark, SpecFileError
from sluice.spec.faults import LONGEST_KEY, Fault

_CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)
_CLOSING = {"[": "]", "{": "}"}
_QUOTES = ("'", '"')


class Spot(NamedTuple):
    """A place in the text; line and column count from 1. One behind the end is the end of the last line."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: Any) -> Spot:
        """Return the place of a mark of the parser."""
        return cls(mark.line + 1, mark.column + 1)


class LastScalar(NamedTuple):
    """The scalar that the parser read last."""

    start: Spot
    end: Spot
    quoted: bool


class Stumble(NamedTuple):
    """Where the parser stopped: what it says, and what it had read until then."""

    problem: str
    context: str
    at: Spot
    context_at: Spot
    lines: Sequence[str]
    last: LastScalar | None
    bracket: Spot | None

    @property
    def line(self) -> str:
        """The line of the problem."""
        return self.line_at(self.at)

    @property
    def sign(self) -> str:
        """The character at the problem; empty at the end of a line."""
        return self.line[self.at.column - 1 : self.at.column]

    @property
    def at_end(self) -> bool:
        """Whether nothing stands at the problem or after it."""
        rest = self.lines[self.at.line - 1 :]
        return not any(line[self.at.column - 1 if index == 0 else 0 :].strip() for index, line in enumerate(rest))

    def line_at(self, spot: Spot) -> str:
        """Return the line of a place."""
        return self.lines[spot.line - 1] if spot.line <= len(self.lines) else ""


class Told(NamedTuple):
    """The same for the user. The text of the file is not repeated: it may be a secret."""

    at: Spot
    message: str
    remedy: str
    code: Fault = Fault.SYNTAX


Reading = Callable[[Stumble], Told | None]


def explained(error: Any, content: str, shown: str, last: LastScalar | None, bracket: Spot | None) -> SpecFileError:
    """Return the error of PyYAML's parser for the user.

    Args:
        error: a `yaml.MarkedYAMLError`.
        content: the whole text.
        shown: the file's name in the mark.
        last: the scalar that was read last.
        bracket: the innermost bracket that is open.
    """
    at = Spot.of(error.problem_mark or error.context_mark)
    context_at = Spot.of(error.context_mark) if error.context_mark else at
    lines = content.splitlines()
    stumble = Stumble(error.problem or "", error.context or "", at, context_at, lines, last, bracket)
    told = _conflict(content) or next(told for reading in _READINGS if (told := reading(stumble)))
    where = _inside(told.at, lines)
    mark = Mark(shown, where.line, where.column)
    return SpecFileError(f"broken YAML: {told.message}", remedy=told.remedy, at=mark, code=told.code)


def _inside(spot: Spot, lines: Sequence[str]) -> Spot:
    """Return `spot`, or the end of the text where it lies behind it."""
    return spot if spot.line <= len(lines) else Spot(max(len(lines), 1), len(lines[-1]) + 1 if lines else 1)


def _conflict(content: str) -> Told | None:
    found = _CONFLICT.search(content)
    if not found:
        return None
    spot = Spot(content.count("\n", 0, found.start()) + 1, 1)
    return Told(spot, "a merge conflict is not resolved", "Keep one side, and remove the lines of `<`, `=` and `>`.")


def _unclosed_quote(stumble: Stumble) -> Told | None:
    """A quote without an end, or one that another quote closed some lines further down."""
    if "quoted scalar" in stumble.context and "unexpected" in stumble.problem:
        end = "the file ends" if stumble.at_end else f"a document begins in line {stumble.at.line}"
        message = f"the quote opened here is not closed: {end} first"
        return Told(stumble.context_at, message, "Close it where the value ends.", Fault.UNCLOSED)
    last = stumble.last
    if not last or not last.quoted or last.end != _before_blanks(stumble) or stumble.bracket:
        return None
    if last.start.line < last.end.line:
        message = f"the quote opened here is closed only in line {last.end.line}, and more text follows there"
        return Told(last.start, message, "Close it where the value ends.", Fault.UNCLOSED)
    remedy = "Put the whole value in one pair of quotes; an apostrophe in single quotes is written twice (`''`)."
    return Told(stumble.at, "text follows a closed quote", remedy)


def _before_blanks(stumble: Stumble) -> Spot:
    """Return where the blanks before the problem begin, in its line."""
    return Spot(stumble.at.line, len(stumble.line[: stumble.at.column - 1].rstrip()) + 1)


def _brackets(stumble: Stumble) -> Told | None:
    opened = stumble.bracket
    if opened is None or "flow" not in stumble.context:
        return None
    sign = stumble.line_at(opened)[opened.column - 1 : opened.column]
    closing = _CLOSING.get(sign, "its counterpart")
    if opened.line == stumble.at.line and not stumble.at_end:
        return Told(stumble.at, f"expected a comma or `{closing}` here", _BRACKET_REMEDY, Fault.UNCLOSED)
    if stumble.last and not stumble.at_end and _is_closed(stumble.lines, opened):
        return Told(stumble.last.start, "a comma is missing after this value", _BRACKET_REMEDY)
    end = "the file ends" if stumble.at_end else f"line {stumble.at.line} holds something else"
    message = f"the `{sign}` opened here is not closed: {end} before a `{closing}`"
    return Told(opened, message, _BRACKET_REMEDY, Fault.UNCLOSED)


_BRACKET_REMEDY = "Close each bracket, and put commas between values in brackets."


def _is_closed(lines: Sequence[str], opened: Spot) -> bool:
    """Tell whether the bracket at `opened` has its counterpart somewhere; quotes and comments don't count."""
    text = "\n".join([lines[opened.line - 1][opened.column - 1 :], *lines[opened.line :]])
    depth = 0
    for sign in re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|(?<=\s)#.*", "", text):
        depth += (sign in "[{") - (sign in "]}")
        if depth == 0:
            return True
    return False


def _missing_colon(stumble: Stumble) -> Told | None:
    """A key without its colon: the parser notices it at the next one."""
    if "simple key" in stumble.context:
        return _no_colon(stumble, stumble.context_at)
    last = stumble.last
    if "mapping values" not in stumble.problem or not last or last.quoted or last.start.line == last.end.line:
        return None
    before = stumble.line_at(last.start)[: last.start.column - 1]
    if not before.strip(" -"):
        return _no_colon(stumble, last.start)
    first = Spot(stumble.at.line, len(stumble.line) - len(stumble.line.lstrip()) + 1)
    message = f"a key stands below the value of line {last.start.line}, deeper than that line's key"
    return Told(first, message, "Begin it below the key it belongs beside.", Fault.INDENTATION)


def _no_colon(stumble: Stumble, at: Spot) -> Told:
    line = stumble.line_at(at)
    if len(line) > LONGEST_KEY:
        return Told(at, f"a key is longer than {LONGEST_KEY} characters", "Shorten it.", Fault.KEY)
    glued = re.match(r"\s*(?:- )?[\w$-]+:\S", line)
    remedy = "Put a blank after the colon." if glued else "Write `key: value`."
    return Told(at, "a key without its colon: expected `key: value`", remedy, Fault.COLON)


def _second_colon(stumble: Stumble) -> Told | None:
    if "mapping values" not in stumble.problem:
        return None
    if stumble.last and stumble.last.end.column - stumble.last.start.column > LONGEST_KEY:
        return Told(stumble.last.start, f"a key is longer than {LONGEST_KEY} characters", "Shorten it.", Fault.KEY)
    remedy = "Put a value that holds a colon and a blank in quotes, or begin the key on a line of its own."
    return Told(stumble.at, "a second `: ` in one value", remedy, Fault.COLON)


def _tab(stumble: Stumble) -> Told | None:
    margin = stumble.line[: len(stumble.line) - len(stumble.line.lstrip())]
    if "\t" not in margin or "quoted" in stumble.context:
        return None
    at = Spot(stumble.at.line, margin.index("\t") + 1)
    return Told(at, "a tab in the indentation", "Indent with blanks: YAML takes no tabs there.", Fault.TAB)


def _indentation(stumble: Stumble) -> Told | None:
    if not any(words in stumble.problem for words in ("expected key", "'-' indicator", "<document start>")):
        return None
    if stumble.sign == ":":
        remedy = "Write the key; put a value that begins with a colon in quotes."
        return Told(stumble.at, "nothing stands before the colon", remedy, Fault.KEY)
    if stumble.sign in {"]", "}"}:
        return Told(stumble.at, f"a `{stumble.sign}` too many", "Remove it, or put the value in quotes.")
    begins = stumble.line[: stumble.at.column - 1].strip() == ""
    if not begins:
        return Told(stumble.at, "a value ends before this text", "Put the whole value in quotes.")
    message = "this line begins in a column where nothing above it begins"
    if stumble.sign == "-" and "mapping" in stumble.context:
        message = "a list item stands among keys"
    remedy = "Begin lines that belong together in the same column."
    return Told(stumble.at, message, remedy, Fault.INDENTATION)


def _byte_order_mark(stumble: Stumble) -> Told | None:
    position = stumble.line.find("\ufeff")
    if position < 0:
        return None
    at = Spot(stumble.at.line, position + 1)
    remedy = "Remove it: two files were put together."
    return Told(at, "a byte order mark (U+FEFF) amid the text", remedy, Fault.CONTROL_CHARACTER)


def _template(stumble: Stumble) -> Told | None:
    if not stumble.line.lstrip().startswith("{%"):
        return None
    return Told(stumble.at, "a template that is not filled in", "Render it first.", Fault.PLACEHOLDER)


def _first_sign(stumble: Stumble) -> Told | None:
    """A value that begins with one of YAML's own signs."""
    aliases = any(words in stumble.context for words in ("an alias", "an anchor", "a tag", "a directive"))
    at = stumble.context_at if aliases else stumble.at
    sign = stumble.line_at(at)[at.column - 1 : at.column]
    if not aliases and "cannot start any token" not in stumble.problem:
        return None
    return Told(at, f"a value can't begin with `{sign}`", "Put it in quotes.")


def _missing_value(stumble: Stumble) -> Told | None:
    if "node content" not in stumble.problem:
        return None
    found = "the end of the file" if stumble.at_end else f"`{stumble.sign}`"
    return Told(stumble.at, f"expected a value, found {found}", "Write the value, or put it in quotes.")


def _other(stumble: Stumble) -> Told:
    for words, (message, remedy, code) in _KNOWN.items():
        if words in stumble.problem:
            return Told(stumble.at, message, remedy, code)
    words = ", ".join(word for word in (stumble.problem, stumble.context) if word)
    return Told(
        stumble.at, re.sub(r"['\"].*?['\"]", "…", words) or "syntax error", "Check this line and the one above."
    )


_ESCAPES = "In double quotes, write a backslash twice; or use single quotes."
_KNOWN = {
    "unknown escape character": ("an unknown escape after a backslash", _ESCAPES, Fault.SYNTAX),
    "hexdecimal number": ("an escape that is no hexadecimal number", _ESCAPES, Fault.SYNTAX),
    "comment or line break": ("text right after `|` or `>`", "Begin the text on the next line.", Fault.SYNTAX),
    "block sequence entries": ("a list item in the line of its key", "Begin the list on the next line.", Fault.SYNTAX),
    "incompatible YAML": ("a YAML version that nothing reads", "Remove the line with `%YAML`.", Fault.SYNTAX),
    "undefined alias": ("an alias (`*…`) has no anchor (`&…`) before it", "Put it in quotes.", Fault.ANCHOR),
    "undefined tag handle": ("an unknown tag (`!…`)", "Put a value that begins with `!` in quotes.", Fault.TAG),
}

_READINGS: Sequence[Reading] = (
    _byte_order_mark,
    _unclosed_quote,
    _tab,
    _template,
    _brackets,
    _missing_colon,
    _second_colon,
    _indentation,
    _first_sign,
    _missing_value,
    _other,
)

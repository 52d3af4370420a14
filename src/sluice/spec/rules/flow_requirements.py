"""The requirements file of a flow: lines that break the installation, or that a prompt flow runtime does not take.

Sources: the form of a line is PEP 508's with pip's options; promptflow and promptflow-tools are part of the runtime's
image and must not be pinned, and local wheel files are not supported ("Manage prompt flow compute sessions", Azure
Machine Learning's documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sluice.errors import Mark, SpecFileError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.includes import is_file
from sluice.spec.reading import display_path, read_text

_RUNTIME = ("promptflow", "promptflow-tools")
_PRIVATE = "{private}"
_LONGEST_SHOWN = 60
_LONGEST_JUDGED = 2000

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_OPTIONS = (
    "-i", "--index-url", "--extra-index-url", "--no-index", "-c", "--constraint", "-r", "--requirement", "-e",
    "--editable", "-f", "--find-links", "--no-binary", "--only-binary", "--prefer-binary", "--require-hashes", "--pre",
    "--trusted-host", "--use-feature",
)  # fmt: skip
_INDEXES = frozenset({"-i", "--index-url", "--extra-index-url"})
_USER = re.compile(r"//(?P<user>[^/\s]+)@(?P<host>[\w.-]+)")
_OPTION = re.compile(r"(?P<name>--?[A-Za-z][\w-]*)(?:[\s=]+(?P<value>.+))?|(?P<short>-[ircfe])(?P<rest>[^\s-].*)")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:|\\\\)", re.IGNORECASE)
_LATER = re.compile(r"\s(?:--hash|--config-settings?|--global-option|--install-option)[\s=].*$")


@dataclass(frozen=True)
class RequirementLine:
    """One requirement or option: its text without comment and continuation, and where it begins."""

    text: str
    at: Mark

    @property
    def option(self) -> str | None:
        """The option's name (`--index-url`); None for a requirement."""
        found = _OPTION.fullmatch(self.text)
        return (found["name"] or found["short"]) if found else None

    @property
    def value(self) -> str:
        """What follows the option's name; empty for a requirement."""
        found = _OPTION.fullmatch(self.text)
        return ((found["value"] or found["rest"]) or "").strip() if found else ""


def requirement_lines(path: Path, root: Path) -> tuple[RequirementLine, ...]:
    """Return the lines of the requirements file `path`, without those of files it includes; marks start at `root`.

    Raises:
        SpecFileError: the file can't be read.
    """
    shown = display_path(path, root)
    return tuple(_lines(read_text(path, shown), shown))


def _lines(content: str, shown: str) -> Iterator[RequirementLine]:
    pending, begin = "", 0
    for number, line in enumerate([*content.splitlines(), ""], 1):
        begin = begin or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
            continue
        joined = pending + line
        pending, start, begin = "", begin, 0
        stripped = re.sub(r"(^|\s)#.*$", "", joined).strip()
        if stripped:
            yield RequirementLine(stripped, Mark(shown, start, len(joined) - len(joined.lstrip()) + 1))


def private_feeds(lines: Iterable[RequirementLine]) -> tuple[RequirementLine, ...]:
    """Return the lines that name a private feed (`-i https://{private}@…`): they need a managed identity."""
    return tuple(line for line in lines if _PRIVATE in line.text)


def requirements_findings(path: Path, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the requirements file `path` and the files it includes; marks start at `root`."""
    return tuple(_file(path, root, frozenset()))


def _file(path: Path, root: Path, above: frozenset[Path]) -> Iterator[Diagnostic]:
    try:
        lines = requirement_lines(path, root)
    except SpecFileError as error:
        yield error_at(error.at or Mark(display_path(path, root)), error.message, error.remedy, error.code)
        return
    for line in lines:
        yield from _line(line)
        if line.option in {"-r", "--requirement", "-c", "--constraint"} and not _ADDRESS.match(line.value):
            yield from _included(line, path, root, above | {path.resolve()})


def _included(line: RequirementLine, path: Path, root: Path, above: frozenset[Path]) -> Iterator[Diagnostic]:
    if not line.value or "$" in line.value or "\0" in line.value:
        return
    target = (path.parent / line.value).resolve()
    if target in above:
        return
    if not is_file(target):
        message = f"the file `{line.value}` does not exist"
        yield error_at(line.at, message, "The path is relative to the requirements file.", "missing-file")
    else:
        yield from _file(path.parent / line.value, root, above)


def _line(line: RequirementLine) -> Iterator[Diagnostic]:
    if line.option or line.text.startswith("-"):
        yield from _option(line)
    elif _is_local_wheel(line.text):
        yield _local_wheel(line)
    elif not _is_path(line.text) and not _ADDRESS.match(line.text) and not _has_placeholder(line.text):
        yield from _requirement(line)


def _option(line: RequirementLine) -> Iterator[Diagnostic]:
    if line.option in {"-e", "--editable"} and _is_local_wheel(line.value):
        yield _local_wheel(line)
    elif line.option in _INDEXES:
        yield from _index(line)
    elif not any(known.startswith(line.option or line.text) for known in _OPTIONS):  # pip takes abbreviations
        # Of one that is glued to its value, no more than the letter: the value may be a token.
        name = re.split(r"[^\w-]", line.text)[0] if line.text.startswith("--") else line.text[:2]
        meant = nearest(name, _OPTIONS)
        remedy = f"Did you mean `{meant}`?" if meant else ""
        yield warning_at(line.at, f"pip knows no option `{name}` in requirements files", remedy, "requirement")


def _index(line: RequirementLine) -> Iterator[Diagnostic]:
    found = _USER.search(line.value)
    if found and _PRIVATE not in found["user"] and not _has_placeholder(found["user"]):
        message = f"the address of the index on {found['host']} holds a credential, which everyone can read here"
        remedy = f"Write `https://{_PRIVATE}@{found['host']}/...` in its place, and change the credential."
        yield warning_at(line.at, message, remedy, "feed-credential")


def _is_local_wheel(written: str) -> bool:
    address = written.partition(" @ ")[2] or written
    address = address.partition(";")[0].strip()
    if address.lower().startswith("file:"):
        return True
    return address.partition("#")[0].partition("[")[0].lower().endswith(".whl") and not _ADDRESS.match(address)


def _local_wheel(line: RequirementLine) -> Diagnostic:
    message = "a local file can't be installed: prompt flow's runtime takes no local wheel files"
    remedy = "Build an image that holds the package and name it in `environment.image`, or publish it to a feed."
    return error_at(line.at, message, remedy, "local-wheel")


def _is_path(written: str) -> bool:
    return written.startswith((".", "/", "~")) or "\\" in written or ("/" in written and "@" not in written)


def _has_placeholder(written: str) -> bool:
    return any(sign in written for sign in ("${", "{{", "<%", "%>"))


@cache
def _requirement_form() -> re.Pattern[str]:
    """Return the form of a requirement (PEP 508, versions by PEP 440), compiled when the first one is read."""
    version = (
        r"v?(?:\d+!)?\d+(?:\.\d+)*(?:[-_.]?(?:alpha|beta|preview|pre|a|b|c|rc)[-_.]?\d*)?"
        r"(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?(?:[-_.]?dev[-_.]?\d*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?(?:\.\*)?"
    )
    clause = rf"(?:===\s*[^\s,;)]+|(?:~=|==|!=|<=|>=|<|>)\s*{version})"
    clauses = rf"(?:{clause}(?:\s*,\s*{clause})*\s*,?)"
    return re.compile(
        rf"(?P<name>{_NAME})\s*(?:\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*\])?"
        rf"\s*(?:(?P<spec>{clauses}|\(\s*{clauses}?\s*\))?|@\s*(?P<url>\S+))\s*(?:;.+)?",
        re.IGNORECASE,
    )


def _requirement(line: RequirementLine) -> Iterator[Diagnostic]:
    if len(line.text) > _LONGEST_JUDGED:
        return
    found = _requirement_form().fullmatch(_LATER.sub("", line.text).strip())
    if not found:
        message = f"`{_shown(line.text)}` is no requirement"
        yield error_at(line.at, message, _form(line.text), "requirement")
        return
    name = re.sub(r"[-_.]+", "-", found["name"]).lower()
    if name in _RUNTIME:
        yield from _pinned(line, name, found["spec"] or "", found["url"])


def _form(written: str) -> str:
    conda = re.fullmatch(rf"({_NAME})\s*=\s*(\d[\w.*+!]*)", written)
    if conda:
        return f"Write `{conda[1]}=={conda[2]}`."
    return "Write `<package>`, `<package>==<version>` or `<package>>=<version>,<<version>`."


def _shown(written: str) -> str:
    """Return a line for messages: without addresses, which may hold a token, and not too long."""
    plain = re.sub(r"://\S+", "://…", written)
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}…"


def _pinned(line: RequirementLine, name: str, spec: str, url: str | None) -> Iterator[Diagnostic]:
    remedy = f"Write `{name}`, or leave it out: another version than the image's can break the runtime."
    if url or re.search(r"==(?!.*\*)", spec):
        message = f"`{_shown(line.text)}` fixes the version of {name}, which the runtime's image brings"
        yield error_at(line.at, message, remedy, "pinned-runtime")
    elif re.search(r"==|~=|<", spec):
        message = f"`{_shown(line.text)}` limits the version of {name}, which the runtime's image brings"
        yield warning_at(line.at, message, remedy, "pinned-runtime")

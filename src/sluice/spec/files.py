"""Files validated each on its own, without a project: the door of editors, hooks and `sluice validate FILE`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sluice.errors import Mark, SpecError
from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import SKIPPED_FOLDERS, Document, as_diagnostic
from sluice.spec.findings import error_at, note_at
from sluice.spec.flags import Flags, flag_of, laid_over
from sluice.spec.kinds import Kind, claims, detect, out_of_scope, unknown_address, what_was_looked_for
from sluice.spec.nodes import Entry, Node, ScalarNode, map_node, mark_of
from sluice.spec.parse import parse_documents, single
from sluice.spec.placeholders import about_placeholder, advised, hidden, restored
from sluice.spec.reading import decoded, display_path, read_text
from sluice.spec.results import FileResult, Spots, spots, with_keys

_KEY_AT_MARGIN = re.compile(r"^([$\w-]+):[ \t]*([^\s#]*)", re.MULTILINE)


class Reading(NamedTuple):
    """How files are read.

    `kind`: what they are; None means it is told by their `$schema`, keys or names. `flags` lie over what the files
    say. With `allow_placeholders`, what is wrong with a value that holds a placeholder is not told. With
    `only_specs`, a file that is no specification is passed over in silence.
    """

    kind: Kind | None = None
    flags: Flags = Flags()
    allow_placeholders: bool = False
    only_specs: bool = False


class Source(NamedTuple):
    """A file to validate; `content` is given where it need not be read, as from an editor's unsaved buffer.

    `in_folder`: only its folder was named, so that it may well be no specification.
    """

    path: Path
    content: bytes | None = None
    in_folder: bool = False


def validate_files(root: Path, paths: Sequence[Path], kind: Kind | None = None) -> tuple[FileResult, ...]:
    """Return what is wrong with the specification files `paths`, each on its own, without a project.

    The order is that of `paths`. A file that another one names, such as a conda file, and that is wrong itself, has a
    result of its own after it.

    Args:
        root: paths in results are relative to it.
        paths: the files; one that can't be read is an error like any other.
        kind: what the files are; None means it is told by their `$schema`, keys or names.
    """
    return tuple(validated(root, map(Source, paths), Reading(kind)))


def validated(root: Path, sources: Iterable[Source], reading: Reading) -> Iterator[FileResult]:
    """Yield the results of `sources`, one after the other, as `validate_files` describes them.

    Raises: UsageError for a flag that can't be laid over a file.
    """
    root = root.resolve()
    for source in sources:
        only_specs = reading.only_specs or source.in_folder
        whole = source._replace(path=source.path.absolute())
        yield from _results(whole, root, reading._replace(only_specs=only_specs))


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield every YAML file below `folder`, sorted; caches, environments and version control are left out."""
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        yield from (Path(path, name) for name in sorted(names) if name.endswith((".yaml", ".yml")))


class _Read(NamedTuple):
    """A file as far as it could be read: its kind, its tree for looking up keys, and what was found."""

    kind: str | None
    diagnostics: tuple[Diagnostic, ...]
    node: Node | None = None


def _results(source: Source, root: Path, reading: Reading) -> Iterator[FileResult]:
    shown = display_path(source.path, root)
    read = _read(source, shown, root, reading)
    if not read.diagnostics:
        if read.kind or not reading.only_specs:
            yield FileResult(shown, read.kind)
        return
    places = spots(read.node) if read.node else {}
    found = tuple(told(read.diagnostics, places, allowed=reading.allow_placeholders))
    own = [one for one in found if one.at.path == shown or flag_of(one.at)]
    yield FileResult(shown, read.kind, with_keys(own, places))
    others = set(found) - set(own)
    yield from _of_other_files(one for one in found if one in others)


def _of_other_files(diagnostics: Iterable[Diagnostic]) -> Iterator[FileResult]:
    """Yield a result for each file that `diagnostics` are about."""
    by_path: dict[str, list[Diagnostic]] = {}
    for one in diagnostics:
        by_path.setdefault(one.at.path, []).append(one)
    for path, found in by_path.items():
        yield FileResult(path, None, with_keys(found, {}))


def told(diagnostics: Iterable[Diagnostic], places: Spots, *, allowed: bool) -> Iterator[Diagnostic]:
    """Yield the findings; those about a placeholder only where it is not allowed, with what to do about it."""
    for one in diagnostics:
        if not about_placeholder(one, places):
            yield one
        elif not allowed:
            yield advised(one)


def _read(source: Source, shown: str, root: Path, reading: Reading) -> _Read:
    content = ""
    try:
        content = read_text(source.path, shown) if source.content is None else decoded(source.content, shown)
        node = _parsed(content, shown, allow_placeholders=reading.allow_placeholders)
    except SpecError as error:
        return _unreadable(error, _sketch(content, shown), source, reading)
    kind = reading.kind or detect(node, source.path)
    node = laid_over(node, reading.flags, kind) if reading.flags else node
    kind = kind or detect(node, source.path)
    if kind is None:
        return _Read(None, tuple(_unknown(node, source, silent=reading.only_specs)), node)
    if wrong := _claims_another(node, kind):
        return _Read(kind, (wrong,), node)
    return _Read(kind, check_document(Document(kind, node), root).diagnostics, node)


def _unreadable(error: SpecError, sketch: Node, source: Source, reading: Reading) -> _Read:
    """Return what is to be said of a file that is no YAML; one that looks like a file of others may be a template."""
    kind = reading.kind or detect(sketch, source.path)
    if kind is None and (reading.only_specs or out_of_scope(sketch, source.path)):
        return _Read(None, tuple(_unknown(sketch, source, silent=reading.only_specs)))
    return _Read(kind, (as_diagnostic(error, sketch.at.path),))


def _parsed(content: str, shown: str, *, allow_placeholders: bool) -> Node:
    if not allow_placeholders:
        return single(parse_documents(content, shown), Mark(shown))
    return restored(single(parse_documents(hidden(content), shown), Mark(shown)))


def _sketch(content: str, shown: str) -> Node:
    """Return what the lines of a file that is no YAML look like: its keys at the margin, to tell its kind by."""
    at = Mark(shown)
    found = {match[1]: match[2] for match in _KEY_AT_MARGIN.finditer(content)}
    return map_node(at, {key: Entry(at, ScalarNode(at, value, value)) for key, value in found.items()})


def _unknown(node: Node, source: Source, *, silent: bool) -> Iterator[Diagnostic]:
    """Yield what is to be said of a file that is none of ours; of one that nobody named, only that it is close."""
    at = Mark(node.at.path)
    named = out_of_scope(node, source.path)
    if named and (not silent or (source.in_folder and named.startswith("batch"))):
        yield note_at(at, f"this is a {named}, which is out of scope: it is not checked", "", "out-of-scope")
    if named or silent:
        return
    if address := unknown_address(node):
        written, meant = address
        remedy = f"Did you mean `{meant}`?" if meant else what_was_looked_for()
        yield error_at(mark_of(node, "$schema"), f"`$schema` names no known kind, found `{written}`", remedy, "kind")
        return
    message = "can't tell which kind of specification this is"
    yield error_at(at, message, f"{what_was_looked_for()} Or say it: --kind KIND.", "kind")


def _claims_another(node: Node, kind: Kind) -> Diagnostic | None:
    claimed = claims(node)
    if claimed is None or claimed == kind:
        return None
    message = f"expected a specification of the kind {kind}, its `$schema` says {claimed}"
    return error_at(mark_of(node, "$schema"), message, "Correct `$schema`, or what you asked for.", "kind")

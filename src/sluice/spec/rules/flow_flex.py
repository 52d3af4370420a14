"""Rules of flex flows (`flow.flex.yaml`): the entry exists and can be called with what the flow declares.

Source of the rules: how prompt flow 1.18 loads an entry. Nothing is imported: the code is read.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.includes import exists, is_file, is_folder
from sluice.spec.nodes import Node, dig, items, mark_of, text
from sluice.spec.reading import display_path
from sluice.spec.rules.flow_files import unreadable
from sluice.spec.rules.flow_sources import (
    Parameters,
    defined,
    is_plain_class,
    method,
    module_file,
    opaque,
    parameters,
    read_source,
)
from sluice.spec.values import folder_of

if TYPE_CHECKING:
    import ast

_ENTRY = re.compile(r"(?P<module>[a-zA-Z0-9_.]+):(?P<name>[a-zA-Z0-9_]+)")
_CSHARP_ENTRY = re.compile(r"\((.+)\)[a-zA-Z0-9]+(\.[a-zA-Z0-9]+)+")
_CONNECTIONS = tuple(
    f"{name}Connection"
    for name in (
        "AzureOpenAI", "OpenAI", "Qdrant", "CognitiveSearch", "Serp", "AzureContentSafety", "AzureAIServices",
        "FormRecognizer", "Weaviate", "Serverless", "Custom",
    )
)  # fmt: skip
_IGNORED = ("nodes", "path")
_FILE = re.compile(r"\$\{file:(?P<path>.*)\}")


def entry_form(node: Node) -> Iterator[Diagnostic]:
    """The entry is `<module>:<name>`, or an assembly's method where the language is C#."""
    found = dig(node, "entry")
    written = text(found)
    if found is None or not written:
        return
    csharp = text(node, "language") == "csharp"
    # Prompt flow looks for Python's form from the beginning to the end, for C#'s at the beginning only.
    fits = _CSHARP_ENTRY.match(written) if csharp else _ENTRY.fullmatch(written)
    if not fits:
        wanted = "`(<assembly>)<namespace>.<class>.<method>`" if csharp else "`<module>:<function or class>`"
        yield error_at(
            found.at, f"`entry` must be {wanted}; found `{written}`", "For example: `chat:ChatFlow`.", "flow-entry"
        )


def init_types(node: Node) -> Iterator[Diagnostic]:
    """A connection among the parameters of `init` is one of prompt flow's classes."""
    for key, entry in items(node, "init"):
        kind, found = text(entry.node, "type") or "", dig(entry.node, "type")
        if found and kind.endswith("Connection") and kind not in _CONNECTIONS:
            meant = nearest(kind, _CONNECTIONS)
            message = f"`init.{key}.type`: prompt flow has no `{kind}`"
            remedy = f"Did you mean `{meant}`?" if meant else f"Known: {', '.join(_CONNECTIONS)}."
            yield warning_at(found.at, message, remedy, "flow-init-type")


def ignored_keys(node: Node) -> Iterator[Diagnostic]:
    """Keys of other forms of flow have no effect here."""
    for key in _IGNORED:
        if dig(node, key) is not None:
            message = f"`{key}` has no effect in a flex flow"
            yield warning_at(mark_of(node, key), message, "Remove it.", "ignored-key")


def code(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The entry's file exists and defines it, and what the flow declares fits its parameters."""
    statement = yield from _entry(node, root)
    signatures = _signatures(statement)
    for section in ("inputs", "init"):
        yield from _arguments(node, section, signatures.get(section))


def _entry(node: Node, root: Path) -> Generator[Diagnostic, None, ast.stmt | None]:
    """Yield what is wrong with the entry; return the statement that defines it, where it could be read."""
    found = dig(node, "entry")
    split = _ENTRY.fullmatch(text(found) or "")
    folder = _code_folder(node, root)
    if found is None or split is None or text(node, "language") == "csharp" or not is_folder(folder):
        return None
    path = module_file(folder, split["module"])
    if path is None:
        yield _missing_module(found.at, split["module"], folder)
        return None
    shown, source = display_path(path, root), read_source(path)
    if finding := unreadable(source, found.at, shown):
        yield finding
    if source.fault or source.module is None or not source.module.body or opaque(source.module):
        return None
    statement = defined(source.module, split["name"])
    if finding := _not_callable(source.module, statement, split["name"], found.at, shown):
        yield finding
    return statement


def _code_folder(node: Node, root: Path) -> Path:
    return folder_of(node.at, root) / (text(node, "code") or ".")


def _missing_module(at: Mark, module: str, code: Path) -> Diagnostic:
    head = module.partition(".")[0]
    if "." in module and not exists(code / head):
        message = f"`entry` names the module `{module}`, which is not in the flow's folder"
        return warning_at(at, message, "It must be installed where the flow runs.", "flow-entry")
    message = f"`entry` names the module `{module}`, which does not exist"
    files = [path.stem for path in sorted(code.glob("*.py"))[:200]]
    meant = nearest(module, files)
    remedy = f"Did you mean `{meant}`?" if meant else f"Write `{module.replace('.', '/')}.py` in the flow's folder."
    return error_at(at, message, remedy, "missing-file")


def _not_callable(module: ast.Module, statement: ast.stmt | None, name: str, at: Mark, shown: str) -> Diagnostic | None:
    import ast

    if statement is None:
        names = [
            one.name for one in module.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        meant = nearest(name, names)
        remedy = f"Did you mean `{meant}`?" if meant else f"It defines: {', '.join(names[:10]) or 'nothing'}."
        return error_at(at, f"`{shown}` does not define `{name}`, which `entry` names", remedy, "flow-entry")
    if isinstance(statement, ast.ClassDef) and is_plain_class(statement) and not method(statement, "__call__"):
        message = f"the class `{name}` in `{shown}`, which `entry` names, has no `__call__`"
        return error_at(at, message, "Add the method: it is called for each request.", "flow-entry")
    return None


def _signatures(statement: ast.stmt | None) -> dict[str, Parameters]:
    """Return what the code takes as `inputs` and `init`, as far as its text tells: decorators may change it."""
    import ast

    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return {} if statement.decorator_list else {"inputs": parameters(statement)}
    if not isinstance(statement, ast.ClassDef):
        return {}
    methods = {"inputs": method(statement, "__call__"), "init": method(statement, "__init__")}
    plain = {section: one for section, one in methods.items() if one and not one.decorator_list}
    return {section: parameters(one, bound=True) for section, one in plain.items()}


def _arguments(node: Node, section: str, wanted: Parameters | None) -> Iterator[Diagnostic]:
    """What is declared is a parameter of the code; what a sample gives is one too, or else is declared."""
    declared = tuple(key for key, _ in items(node, section))
    known = wanted.names if wanted else declared
    if (wanted and wanted.any_name) or not (wanted or declared):
        return
    for path in ((section,), ("sample", section)):
        for key, given in items(node, *path):
            if key not in known:
                meant = nearest(key, known)
                remedy = f"Did you mean `{meant}`?" if meant else f"Known: {', '.join(known) or 'none'}."
                what = "no parameter of the entry" if wanted else f"not declared in `{section}`"
                message = f"`{'.'.join(path)}.{key}` is {what}"
                yield warning_at(given.key_at, message, remedy, "flow-argument")


def files(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The folder of the code and the files of samples exist."""
    written, found = text(node, "code"), dig(node, "code")
    if found and written and not exists(_code_folder(node, root)):
        yield error_at(found.at, f"`code` does not exist: `{written}`", "It is relative to this file.", "missing-file")
    for path in (("sample",), ("sample", "inputs"), ("sample", "init")):
        place = dig(node, *path)
        named = _FILE.match(text(place) or "")
        if place and named and not is_file(folder_of(node.at, root) / named["path"]):
            message = f"`{'.'.join(path)}` names a file that does not exist: `{named['path']}`"
            yield error_at(place.at, message, "It is relative to this file.", "missing-file")


RULES = (entry_form, init_types, ignored_keys)
FILE_RULES = (code, files)

"""Breaches of a schema in words: what is wrong, what was found, what to write instead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.faults import Fault
from sluice.spec.kinds import Kind
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, Step, dig, mark_of, to_json
from sluice.spec.schema import Place, at, validator

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

MOST_FINDINGS = 100
"""How many findings of one sort are told of a file: who has more begins with the first."""
_LONGEST_SHOWN = 60
_LONGEST_MESSAGE = 1_000
_PLACEHOLDER = "It looks like a placeholder: fill it in."
# Types as Python, JSON Schema and other tools call them.
_TYPES_ELSEWHERE = {
    "str": "string",
    "text": "string",
    "integer": "int",
    "long": "int",
    "float": "double",
    "number": "double",
    "boolean": "bool",
    "array": "list",
    "tuple": "list",
    "dict": "object",
    "mapping": "object",
    "any": "object",
}
_ARTICLES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}


def schema_findings(kind: Kind, node: Node, place: Place) -> tuple[Diagnostic, ...]:
    """Return the breaches of the schema of `kind` in `node`, in the order of the file; `place` is its top.

    Of very many only the first are told, and that there are more.
    """
    errors = validator(kind).iter_errors(to_json(node))
    found = (finding for error in errors for finding in _translate(error, node, place))
    told = sorted(set(islice(found, MOST_FINDINGS)), key=lambda finding: (finding.at, finding.message))
    if next(found, None):
        message = f"more than {MOST_FINDINGS} breaches of the schema: the others are not told"
        told.append(note_at(told[-1].at, message, "Mend these first.", "more-findings"))
    return tuple(told)


def error_at(where: Mark, message: str, remedy: str = "", code: str = "spec") -> Diagnostic:
    """Return an error."""
    return Diagnostic("error", where, _bounded(message), tellable(remedy), code)


def warning_at(where: Mark, message: str, remedy: str = "", code: str = "spec") -> Diagnostic:
    """Return a warning."""
    return Diagnostic("warning", where, _bounded(message), tellable(remedy), code)


def note_at(where: Mark, message: str, remedy: str = "", code: str = "spec") -> Diagnostic:
    """Return a note: worth knowing, nothing to mend."""
    return Diagnostic("note", where, _bounded(message), tellable(remedy), code)


def refused_path(error: OSError, where: Mark) -> Diagnostic:
    """Return what is told where the system refuses to look at a path that the file at `where` names."""
    name = f"`{PurePath(error.filename).name[:80]}`" if isinstance(error.filename, str) else "a path"
    reason = (error.strerror or "unknown reason").lower()
    message = f"{name}, which this file names, can't be looked at: {reason}"
    return error_at(where, message, "Correct the path, or its permissions.", Fault.UNREADABLE)


def _bounded(message: str) -> str:
    """Return a message that stays readable and tells no credential, whatever the file holds."""
    message = tellable(message)
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"


def tellable(message: str) -> str:
    """Return a text that quotes a file as it may be shown: without what has the form of a credential."""
    if not message:
        return message
    from sluice.spec.redaction import without_credentials

    return without_credentials(message)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that `word` was probably meant to be."""
    from difflib import get_close_matches

    folded = {name.lower().replace("_", ""): name for name in reversed(known)}
    found = get_close_matches(word.lower().replace("_", "").replace("-", ""), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None


def describe(node: Node | None, *, secret: bool = False) -> str:
    """Return what stands in the file, in words; of a secret only its type."""
    if not isinstance(node, ScalarNode):
        return {MapNode: "a mapping", ListNode: "a list"}.get(type(node), "nothing")
    if node.value is None:
        return "nothing (null)"
    return "another kind of value" if secret else _describe_value(node.value)


def _describe_value(value: object) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()} (YAML 1.1 reads yes, no, on and off as booleans)"
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    if isinstance(value, str):
        return f"`{value}`" if len(value) <= _LONGEST_SHOWN else f"`{value[:_LONGEST_SHOWN]}…`"
    return str(value)


def dotted(path: tuple[Step, ...]) -> str:
    """Return `path` as messages write it: `model.path`, `grants[0].role`."""
    shown = ""
    for step in path:
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown


class _Breach(NamedTuple):
    """One breach: what the validator says of it, and where in the file it is."""

    kind: Any
    node: Node
    path: tuple[Step, ...]
    spot: Place

    @property
    def name(self) -> str:
        return f"`{dotted(self.path)}`" if self.path else "the file"

    @property
    def found(self) -> Node | None:
        return dig(self.node, *self.path)

    @property
    def shown(self) -> str:
        return describe(self.found, secret=self.spot.secret)

    @property
    def meaning(self) -> str:
        return str(self.spot.schema.get("description", ""))

    @property
    def value_at(self) -> Mark:
        """Where the value stands; an empty value, which has no place of its own, counts as its key's."""
        found = self.found
        empty = found is None or (isinstance(found, ScalarNode) and found.value is None)
        return mark_of(self.node, *self.path) if found is None or empty else found.at


def _translate(error: ValidationError, node: Node, place: Place) -> Iterator[Diagnostic]:
    path = tuple(error.instance_path)
    name = type(error.kind).__name__
    breach = _Breach(error.kind, node, path, at(place, node, path))
    if name == "OneOfNotValid":
        yield from _alternatives(breach, place)
    elif name == "AdditionalProperties":
        yield from (_unknown_key(breach, key) for key in breach.kind.unexpected)
    elif name == "PropertyNames":
        yield _bad_key(breach, str(breach.kind.error.instance))
    elif not _said_otherwise(name, breach):
        yield _TRANSLATIONS.get(name, _other)(breach)


def _said_otherwise(name: str, breach: _Breach) -> bool:
    """Tell whether another finding says it better: the wrong type, or a misspelled key where one is missing."""
    found = breach.found
    if name == "Enum":
        return not (isinstance(found, ScalarNode) and isinstance(found.value, str))
    if name != "Required" or not isinstance(found, MapNode):
        return False
    known = breach.spot.keys
    unknown = islice((key for key in found.entries if key not in known), MOST_FINDINGS)
    return any(nearest(key, known) == breach.kind.property for key in unknown)


def _alternatives(breach: _Breach, place: Place) -> Iterator[Diagnostic]:
    """Translate the errors of the alternative whose type fits what was found; if none fits, say what would."""
    for errors in breach.kind.context:
        if not any(
            type(error.kind).__name__ == "Type" and tuple(error.instance_path) == breach.path for error in errors
        ):
            for error in errors:
                yield from _translate(error, breach.node, place)
            return
    message = f"{breach.name} must be a string or a mapping, found {breach.shown}"
    yield error_at(breach.value_at, message, breach.meaning, "type")


def _unknown_key(breach: _Breach, key: str) -> Diagnostic:
    parent = f" in {breach.name}" if breach.path else ""
    meant = nearest(key, breach.spot.keys)
    remedy = f"Did you mean `{meant}`?" if meant else f"Known keys: {', '.join(breach.spot.writable_keys)}."
    return error_at(mark_of(breach.node, *breach.path, key), f"unknown key `{key}`{parent}", remedy, "unknown-key")


def _bad_key(breach: _Breach, key: str) -> Diagnostic:
    wanted = "3 to 32 characters: letters, digits and hyphens, beginning with a letter"
    message = f"`{key}` in {breach.name} is no name: {wanted}"
    remedy = "Use the name of an endpoint or deployment."
    return error_at(mark_of(breach.node, *breach.path, key), message, remedy, "pattern")


def _required(breach: _Breach) -> Diagnostic:
    key = breach.kind.property
    meaning = at(breach.spot, None, (key,)).schema.get("description", "")
    where = mark_of(breach.node, *breach.path)
    return error_at(where, f"`{dotted((*breach.path, key))}` is missing", meaning, "required")


def _wrong_type(breach: _Breach) -> Diagnostic:
    types = breach.kind.types
    plain = {"string", "number", "boolean"} <= set(types)
    wanted = "a string" if plain else " or ".join(_ARTICLES[name] for name in types if name != "null")
    message = f"{breach.name} must be {wanted}, found {breach.shown}"
    found = breach.found
    if isinstance(found, ScalarNode) and found.value is None:
        remedy = "Give it a value, or remove the key."
    elif "string" in types and isinstance(found, ScalarNode):
        remedy = "Put the value in quotes."
    elif _is_placeholder(found):
        remedy = _PLACEHOLDER
    else:
        remedy = _example(breach)
    return error_at(breach.value_at, message, remedy, "type")


def _example(breach: _Breach) -> str:
    examples = breach.spot.schema.get("examples", ())
    return f"For example: {json.dumps(examples[0], ensure_ascii=False)}." if examples else ""


def _enum(breach: _Breach) -> Diagnostic:
    found, options = breach.found, [str(option) for option in breach.spot.schema["enum"]]
    meant = _meant(str(found.value), options) if isinstance(found, ScalarNode) else None
    message = f"{breach.name} must be one of {', '.join(options)}; found {breach.shown}"
    return error_at(breach.value_at, message, f"Did you mean `{meant}`?" if meant else "", "enum")


def _meant(written: str, options: Sequence[str]) -> str | None:
    elsewhere = _TYPES_ELSEWHERE.get(written.lower())
    return elsewhere if elsewhere in options else nearest(written, options)


def _pattern(breach: _Breach) -> Diagnostic:
    wanted = breach.spot.schema.get("patternErrorMessage", "of another form")
    remedy = _PLACEHOLDER if _is_placeholder(breach.found) else ""
    return error_at(breach.value_at, f"{breach.name} must be {wanted}; found {breach.shown}", remedy, "pattern")


def _is_placeholder(found: Node | None) -> bool:
    value = found.value if isinstance(found, ScalarNode) else None
    return isinstance(value, str) and any(sign in value for sign in ("<", "{{", "$", "__"))


def _minimum(breach: _Breach) -> Diagnostic:
    return _out_of_range(breach, "at least")


def _maximum(breach: _Breach) -> Diagnostic:
    return _out_of_range(breach, "at most")


def _out_of_range(breach: _Breach, words: str) -> Diagnostic:
    message = f"{breach.name} must be {words} {breach.kind.limit}, found {breach.shown}"
    return error_at(breach.value_at, message, breach.meaning, "range")


def _empty(breach: _Breach) -> Diagnostic:
    return error_at(breach.value_at, f"{breach.name} is empty", breach.meaning, "empty")


def _other(breach: _Breach) -> Diagnostic:
    return error_at(breach.value_at, f"{breach.name} is not as its schema asks", breach.meaning, "schema")


_TRANSLATIONS: Mapping[str, Callable[[_Breach], Diagnostic]] = {
    "Required": _required,
    "Type": _wrong_type,
    "Enum": _enum,
    "Pattern": _pattern,
    "Minimum": _minimum,
    "Maximum": _maximum,
    "MinLength": _empty,
    "MinItems": _empty,
}

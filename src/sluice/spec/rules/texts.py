"""Rules about values that must become strings of a certain form: environment variables, versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.nodes import Node, Plain, ScalarNode, dig, items, text
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.values import as_text

_SCHEMES = ("config", "env", "keyvault")
_VERSION = re.compile(r"[\w.+-]*", re.ASCII)
_SCHEME = re.compile(r"\$\{(?P<scheme>[A-Za-z]+):")
# A name that says so, and one long word without blanks that looks made: no reference, address or number.
_SECRET_NAME = re.compile(r"(^|_)(KEY|SECRET|PASSWORD|PASSWD|TOKEN|CONNECTION_?STRING|SAS)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?![\d.]+$)(?!https?://)(?!\$)[^\s<>{}]{8,}")


def environment_variables(node: Node) -> Iterator[Diagnostic]:
    """Environment variables are strings; a value of the form `${…}` is a secret reference that can be followed."""
    for name, entry in items(node, "environment_variables"):
        if isinstance(entry.node, ScalarNode) and not isinstance(entry.node.value, str):
            message = f"`environment_variables.{name}` is {_kind(entry.node.value)} in YAML 1.1, not a string"
            yield warning_at(entry.node.at, message, "Put the value in quotes.", "not-a-string")
        value = text(entry.node) or ""
        path = f"environment_variables.{name}"
        if any(f"${{{kind}:" in value for kind in _SCHEMES):
            yield from _reference(path, value, entry.node.at)
        elif scheme := _SCHEME.match(value):
            yield from _misspelled(path, scheme["scheme"], entry.node.at)
        elif _SECRET_NAME.search(name) and _SECRET_VALUE.fullmatch(value) and not holds_placeholder(value):
            message = f"`{path}` seems to hold a secret in the open"
            remedy = "Give a reference: `${config:NAME}`, `${env:NAME}` or `${keyvault:VAULT/NAME}`."
            yield warning_at(entry.node.at, message, remedy, "literal-secret")


def _misspelled(path: str, scheme: str, at: Mark) -> Iterator[Diagnostic]:
    if meant := nearest(scheme, _SCHEMES):
        message = f"`{path}`: unknown kind of secret reference `{scheme}`; the text stays as it is"
        yield warning_at(at, message, f"Did you mean `${{{meant}:…}}`?", "secret-reference")


def _reference(path: str, value: str, at: Mark) -> Iterator[Diagnostic]:
    from sluice.spec.references import secret_reference, secret_reference_fault

    if secret_reference(value, at) is None:
        fault = secret_reference_fault(value) or "a secret reference stands alone: inside other text it stays as it is"
        remedy = "Write `${config:NAME}`, `${env:NAME}` or `${keyvault:VAULT/NAME}`, and nothing else."
        yield warning_at(at, f"`{path}`: {fault}", remedy, "secret-reference")


def _kind(value: Plain) -> str:
    """Return the kind of a value that may be secret, without the value."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    return "a number" if isinstance(value, int | float) else "a date"


def version(node: Node) -> Iterator[Diagnostic]:
    """A version with signs of a reference can't be named."""
    found = dig(node, "version")
    if found and not _VERSION.fullmatch(as_text(found)) and not holds_placeholder(as_text(found)):
        message = f"`version` must be letters, digits, `.`, `-` and `_`; found `{as_text(found)}`"
        yield error_at(found.at, message, "Use letters, digits, `.`, `-` and `_`.", "pattern")

"""Rules of a run by itself. What the flow and the data say to it: run_files.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, error_at, nearest, warning_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text
from sluice.spec.schema import top

# Prompt flow's own pattern: everything else is taken as a literal value.
_REFERENCE = re.compile(r"^\$\{([^{}]+)\}$")
_SOURCES = ("data", "run.outputs", "run.inputs")
_FORMS = "`${data.<column>}`, `${run.outputs.<name>}` or `${run.inputs.<column>}`"
# Prompt flow counts the lines itself and ignores what is mapped to this name.
LINE_NUMBER = "line_number"
# Looking for what was meant is slow: a rule tells so many findings of one file, and no more.
MOST_TOLD = 100


def reference(value: str) -> tuple[str, str] | None:
    """Return source ("data", "run.outputs", "run.inputs", or what else is written) and column of a `${...}`.

    None is returned for literal values. The column is empty where nothing stands after the source.
    """
    found = _REFERENCE.search(value)
    if not found:
        return None
    body = found[1]
    source = next((name for name in _SOURCES if body == name or body.startswith(f"{name}.")), None)
    return (source, body[len(source) + 1 :]) if source else (body, "")


def unknown_keys(node: Node) -> Iterator[Diagnostic]:
    """Prompt flow drops keys it does not know: a misspelled one loses what it says without a word."""
    known = top(Kind.RUN)
    unknown = ((key, entry) for key, entry in items(node) if key not in known.keys)
    for key, entry in islice(unknown, MOST_TOLD):
        meant = nearest(key, known.keys)
        if _is_connection_setting(entry.node):
            remedy = f"Move it below `connections`: {{{key}: …}}."
            yield warning_at(entry.key_at, f"`{key}` at the top is ignored by prompt flow", remedy, "unknown-key")
        elif meant:
            yield error_at(entry.key_at, f"unknown key `{key}`", f"Did you mean `{meant}`?", "unknown-key")
        else:
            remedy = f"Known keys: {', '.join(known.writable_keys)}."
            yield warning_at(entry.key_at, f"unknown key `{key}`; prompt flow ignores it", remedy, "unknown-key")


def _is_connection_setting(node: Node) -> bool:
    """Tell whether this is what belongs below `connections`; a document of Azure's shows it at the top."""
    return isinstance(node, MapNode) and bool(node.entries.keys() & {"connection", "deployment_name"})


def inputs(node: Node) -> Iterator[Diagnostic]:
    """A run reads data, or another run, or both."""
    if dig(node, "data") or dig(node, "run"):
        return
    unknown = (key for key, _ in items(node) if key not in top(Kind.RUN).keys)
    if any(nearest(key, ("data", "run")) for key in islice(unknown, MOST_TOLD)):
        return
    remedy = "Add `data` (a file or folder of lines), or `run` (the name of a finished run to evaluate)."
    yield error_at(node.at, "neither `data` nor `run` is given; a run needs one of them", remedy, "run-input")


def mapping(node: Node) -> Iterator[Diagnostic]:
    """What an input is mapped to has a form that prompt flow follows, and a source that the run has."""
    mapped = items(node, "column_mapping")
    found = (finding for key, entry in mapped for finding in _source(node, key, entry.node, text(entry.node) or ""))
    yield from islice(found, MOST_TOLD)
    yield from _some_binding(node)


def _source(node: Node, key: str, at: Node, value: str) -> Iterator[Diagnostic]:
    found = reference(value)
    shown = f"`column_mapping.{key}`"
    if found is None:
        yield from _literal(shown, at, value)
        return
    source, column = found
    if source not in _SOURCES or not column:
        meant = nearest(source.rpartition(".")[0] or source, _SOURCES)
        remedy = f"Did you mean `${{{meant}.…}}`?" if meant else f"Write {_FORMS}."
        yield error_at(at.at, f"{shown} names no source of a run, found {describe(at)}", remedy, "mapping-source")
    elif dig(node, source.partition(".")[0]) is None:
        wanted = source.partition(".")[0]
        message = f"{shown} reads `{source}`, but this file names no `{wanted}`"
        remedy = f"Add `{wanted}`, or give it when the run is made: `pf run create --{wanted}`."
        yield warning_at(at.at, message, remedy, "mapping-source")


def _literal(shown: str, at: Node, value: str) -> Iterator[Diagnostic]:
    """Tell of values that look like references and are not: prompt flow hands them on as they are."""
    if value.startswith("${"):
        message = f"{shown} is no whole reference, found {describe(at)}"
        yield error_at(at.at, message, f"Write {_FORMS}, and nothing around it.", "mapping-source")
    elif re.search(r"\{+\s*(data|run\.(inputs|outputs))\.", value):
        message = f"{shown} is taken as literal text, found {describe(at)}"
        yield warning_at(at.at, message, f"References are {_FORMS}, and nothing around it.", "mapping-source")


def _some_binding(node: Node) -> Iterator[Diagnostic]:
    """Prompt flow refuses a mapping of literal values only: every line would run the same."""
    values = [entry.node for _, entry in items(node, "column_mapping")]
    if values and not any((text(value) or "").startswith("$") for value in values):
        message = "`column_mapping` holds literal values only"
        yield error_at(mark_of(node, "column_mapping"), message, f"Map one input at least: {_FORMS}.", "mapping-source")


def session(node: Node) -> Iterator[Diagnostic]:
    """A session runs on one kind of compute, with an identity that fits."""
    if dig(node, "resources", "instance_type") and dig(node, "resources", "compute"):
        message = "`resources` names `instance_type` and `compute`; the compute instance wins"
        yield warning_at(mark_of(node, "resources", "instance_type"), message, "Remove one of the two.", "session")
    if dig(node, "resources", "idle_time_before_shutdown_minutes"):
        at = mark_of(node, "resources", "idle_time_before_shutdown_minutes")
        message = "`idle_time_before_shutdown_minutes` is refused by prompt flow 1.18; the idle time is one hour"
        yield warning_at(at, message, "Remove it.", "deprecated")
    if dig(node, "identity", "client_id") and text(node, "identity", "type") == "user_identity":
        message = "`identity.client_id` belongs to `type: managed`, found `user_identity`"
        yield error_at(mark_of(node, "identity", "client_id"), message, "Remove it, or change the type.", "session")
    yield from _identity_of_an_instance(node)


def _identity_of_an_instance(node: Node) -> Iterator[Diagnostic]:
    if dig(node, "identity") and dig(node, "resources", "compute"):
        message = "`identity` is for serverless compute; a compute instance has its own"
        remedy = "Assign the identity to the compute instance."
        yield warning_at(mark_of(node, "identity"), message, remedy, "session")


RULES = (unknown_keys, inputs, mapping, session)

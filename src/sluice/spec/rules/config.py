"""Rules of Pulumi's configuration of a stack. Values that are encrypted, or of other namespaces, are not looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import MapNode, Node, items, text
from sluice.spec.schema import at, top

_NAMESPACE = "sluice:"
_JSON = {"traffic": dict, "mirrorTraffic": dict, "port": dict, "specs": list}


def file_keys(node: Node) -> Iterator[Diagnostic]:
    """Pulumi ignores keys at the top of the file that it does not know; settings belong below `config`."""
    known = top(Kind.CONFIG).keys
    for key, entry in items(node):
        if key in known:
            continue
        meant = nearest(key, known)
        if ":" in key:
            message = f"`{key}` stands at the top, where Pulumi does not read it"
            yield error_at(entry.key_at, message, "Move it below `config`.", "unknown-key")
        elif meant:
            yield error_at(entry.key_at, f"unknown key `{key}`", f"Did you mean `{meant}`?", "unknown-key")
        else:
            remedy = f"Known keys: {', '.join(known)}."
            yield warning_at(entry.key_at, f"unknown key `{key}`; Pulumi ignores it", remedy, "unknown-key")


def settings(node: Node) -> Iterator[Diagnostic]:
    """A key of the namespace `sluice` is a setting, or a secret of a project that has this name."""
    known = at(top(Kind.CONFIG), node, ("config",)).keys
    for key, entry in items(node, "config"):
        if not key.startswith(_NAMESPACE) or key in known:
            continue
        meant = nearest(key, known)
        if meant and meant.removeprefix(_NAMESPACE).lower()[:1] == key.removeprefix(_NAMESPACE).lower()[:1]:
            yield error_at(entry.key_at, f"unknown key `{key}`", f"Did you mean `{meant}`?", "unknown-key")
        elif not isinstance(entry.node, MapNode):
            remedy = f"Settings: {', '.join(known)}."
            message = f"`{key}` is no setting; only a secret reference `${{config:…}}` reads it"
            yield warning_at(entry.key_at, message, remedy, "unknown-key")


def json_texts(node: Node) -> Iterator[Diagnostic]:
    """A setting that holds several values is a mapping or a list, or the same as JSON text."""
    for key, shape in _JSON.items():
        for name, entry in items(node, "config"):
            written = text(entry.node) if name == _NAMESPACE + key else None
            if written is not None and not _is_json(written, shape):
                wanted = "an object" if shape is dict else "a list"
                message = f"`config.{name}` must be {wanted}, found text that is no JSON of it"
                yield error_at(entry.node.at, message, f"Take it out: pulumi config rm {name}", "type")


def _is_json(written: str, shape: type) -> bool:
    try:
        return isinstance(json.loads(written), shape)
    except (ValueError, RecursionError):
        return False


RULES = (file_keys, settings, json_texts)

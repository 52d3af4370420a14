"""Rules of a connection by itself. No message holds a secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sluice.spec.build_connection import secret_values
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import MapNode, Node, ScalarNode, dig, items, mark_of, text
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.references import secret_reference, secret_reference_fault
from sluice.spec.rules.connection_forms import CREDENTIAL_KEYS, CREDENTIALS, STRONG_TYPE, Form, form, forms_of
from sluice.spec.schema import at as place_at
from sluice.spec.schema import top

_PROMPT_FLOW_KEYS = ("api_base", "base_url", "secrets", "configs", "api_type", "module")
_SCHEMA = {"$schema"}
_ON_THE_WEB = frozenset({
    "azure_open_ai", "open_ai", "azure_ai_services", "azure_ai_search", "cognitive_search", "azure_content_safety",
    "azure_speech_services", "form_recognizer", "serverless", "qdrant", "weaviate",
})  # fmt: skip
_REFERENCE = "Give a reference: `${config:NAME}`, `${env:NAME}` or `${keyvault:VAULT/NAME}`."


def secrets(node: Node) -> Iterator[Diagnostic]:
    """A secret is a reference; one written out is a warning, a reference that can't be followed an error."""
    for path, value, at in secret_values(node):
        if secret_reference(value, at):
            continue
        fault = secret_reference_fault(value)
        if fault:
            yield error_at(at, f"`{path}`: {fault}", _REFERENCE, "secret-reference")
        elif value.startswith("<") and value.endswith(">"):
            yield warning_at(at, f"`{path}` holds a placeholder", _REFERENCE, "literal-secret")
        else:
            yield warning_at(at, f"`{path}` holds a secret in the open", _REFERENCE, "literal-secret")


def parts(node: Node) -> Iterator[Diagnostic]:
    """A connection has the keys of its type, in the form of a workspace or in prompt flow's."""
    type_ = text(node, "type") or ""
    forms = forms_of(type_)
    if not forms:
        return
    yield from _foreign_keys(node, type_, forms)
    fitting = [form for form in forms if {key for key, _ in items(node)} <= form.keys] or list(forms)
    missing = [_missing(node, form) for form in fitting]
    if all(missing):
        for keys in _meant(node, missing):
            message = f"a connection of the type {type_} needs `{keys[0]}`"
            yield error_at(node.at, message, _remedy(keys), "required")
    elif missing[0] and not _of_prompt_flow(node):
        needed = ", ".join(f"`{keys[0]}`" for keys in missing[0])
        message = f"prompt flow takes this connection; a workspace needs {needed} too"
        yield warning_at(node.at, message, "Add it if the connection is for a workspace.", "required")


def _missing(node: Node, form: Form) -> list[tuple[str, ...]]:
    missing = [keys for keys in form.needed if not any(_has(node, key) for key in keys)]
    keyless = form.key_or_entra_id and text(node, "auth_mode") in {None, "key"} and not _has(node, "api_key")
    return [*missing, ("api_key",)] if keyless else missing


def _has(node: Node, key: str) -> bool:
    """Tell whether a key has a value: not null, not an empty text, not an empty mapping."""
    found = dig(node, key)
    if isinstance(found, MapNode):
        return bool(found.entries)
    return found is not None and not (isinstance(found, ScalarNode) and found.value in {None, ""})


def _meant(node: Node, missing: Sequence[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Return what is missing in the form that the file's `$schema` names, else in the nearest one."""
    if dig(node, "$schema"):
        return missing[-1] if _of_prompt_flow(node) else missing[0]
    return min(missing, key=len)


def _of_prompt_flow(node: Node) -> bool:
    return "promptflow" in (text(node, "$schema") or "")


def _remedy(keys: tuple[str, ...]) -> str:
    remedy = f"Add {' or '.join(f'`{key}`' for key in keys)}."
    return f"{remedy} {_REFERENCE}" if {"api_key", "secrets"} & set(keys) else remedy


def _foreign_keys(node: Node, type_: str, forms: Sequence[Form]) -> Iterator[Diagnostic]:
    known = frozenset[str]().union(*(form.keys for form in forms))
    place = top(Kind.CONNECTION)
    for key, entry in items(node):
        if key in place.keys and key not in known:
            named = f"Keys of this type: {', '.join(name for name in place.writable_keys if name in known - _SCHEMA)}."
            message = f"`{key}` is no key of a connection of the type {type_}"
            yield error_at(entry.key_at, message, named, "unknown-key")


def web_address(node: Node) -> Iterator[Diagnostic]:
    """The address of a service on the web says how it is spoken to, or the client fails at its first call."""
    if text(node, "type") not in _ON_THE_WEB:
        return
    for key in ("target", "azure_endpoint", "api_base", "endpoint", "base_url", "url"):
        value = text(node, key) or ""
        if value and "://" not in value and not holds_placeholder(value) and not secret_reference(value, node.at):
            message = f"`{key}` is no address of a service: it does not begin with `https://`"
            yield warning_at(mark_of(node, key), message, "Write the whole address, `https://` included.", "address")


def strong_type(node: Node) -> Iterator[Diagnostic]:
    """A custom strong type is named by class, module, package and version: all four."""
    if not any(dig(node, key) for key in STRONG_TYPE if key != "module"):
        return
    for key in STRONG_TYPE:
        if dig(node, key) is None:
            message = f"`{key}` is missing; a custom connection with a class of its own needs it"
            yield error_at(node.at, message, f"A strong type has {', '.join(STRONG_TYPE)}.", "required")


def name_length(node: Node) -> Iterator[Diagnostic]:
    """A workspace takes names of 33 characters; prompt flow itself takes longer ones."""
    name = text(node, "name") or ""
    if len(name) <= 33:
        return
    of_prompt_flow = any(dig(node, key) for key in _PROMPT_FLOW_KEYS)
    message = f"`name` has {len(name)} characters; a workspace takes at most 33"
    found = warning_at if of_prompt_flow else error_at
    yield found(mark_of(node, "name"), message, "Shorten it here and in the flows that use it.", "name")


def credentials(node: Node) -> Iterator[Diagnostic]:
    """Services take certain credentials."""
    type_, given = text(node, "type") or "", text(node, "credentials", "type")
    taken = CREDENTIALS.get(type_, ())
    if taken and given in CREDENTIAL_KEYS and given not in taken:
        message = f"a connection of the type {type_} takes {', '.join(taken)}; found `{given}`"
        yield warning_at(mark_of(node, "credentials", "type"), message, "", "credentials")


def credential_keys(node: Node) -> Iterator[Diagnostic]:
    """Each sort of credentials has its own keys, and needs them."""
    given = text(node, "credentials", "type")
    if given is None or given not in CREDENTIAL_KEYS:
        return
    allowed = form(given, "type", CREDENTIAL_KEYS[given])
    known = place_at(top(Kind.CONNECTION), node, ("credentials",)).keys
    for key, entry in items(node, "credentials"):
        if key in known and key not in allowed.keys:
            message = f"`credentials.{key}` is no key of credentials of the type {given}"
            named = f"Keys of this type: {', '.join(sorted(allowed.keys))}."
            yield error_at(entry.key_at, message, named, "unknown-key")
    for keys in allowed.needed:
        if dig(node, "credentials", keys[0]) is None:
            message = f"`credentials.{keys[0]}` is missing; credentials of the type {given} need it"
            yield error_at(mark_of(node, "credentials"), message, "", "required")


def twice(node: Node) -> Iterator[Diagnostic]:
    """A key of the same name is plain or secret, not both."""
    hidden = {name for name, _ in items(node, "secrets")}
    for name, entry in items(node, "configs"):
        if name in hidden:
            yield error_at(
                entry.key_at, f"`{name}` is in `configs` and in `secrets`", "Keep the secret one.", "duplicate"
            )


RULES = (secrets, parts, strong_type, web_address, name_length, credentials, credential_keys, twice)

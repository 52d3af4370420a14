"""Forms that people get wrong, each told with the right one: better words for what the schema refuses anyway."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, error_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, ScalarNode, dig, text
from sluice.spec.rules.names import foreign_keys
from sluice.spec.schema import Place

# What a better finding replaces where it stands at the same place.
_TOLD_BETTER = frozenset({"type", "pattern", "unknown-key", "schema", "empty"})
_PAIR = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*[=:]\s*([^\s,;]*)")
_BARE_REFERENCE = re.compile(r"(?:models?|environments?|name):(?P<rest>[^\s:@/]+[:@][^\s:@/]+)")
_IMAGE = re.compile(r"[\w.-]+(\.[\w.-]+)+(:\d+)?/\S+|\S+/\S+:\S+")


def better_told(kind: Kind, node: Node, place: Place, breaches: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return `breaches` with those replaced that a known mistake explains, in the order of the file."""
    if not breaches or not isinstance(node, MapNode):
        return tuple(breaches)
    foreign = list(foreign_keys(node, place))
    told = [*(found for form in _forms(kind) for found in form(node)), *(one.finding for one in foreign)]
    missed = {path for one in foreign for path in one.meant}
    kept = [one for one in breaches if not _is_explained(one, told, missed)]
    return tuple(sorted([*kept, *told], key=lambda finding: (finding.at, finding.message)))


def _is_explained(breach: Diagnostic, told: Sequence[Diagnostic], missed: Collection[str]) -> bool:
    """Tell whether one of `told` says it better; `missed` are the keys that stand there under another name."""
    if breach.code == "required":
        # An identity under another key is also one without `resource_id`.
        identities = {found.at for found in told if found.code == "identity-key"}
        return breach.at in identities or any(breach.message == f"`{path}` is missing" for path in missed)
    return breach.code in _TOLD_BETTER and any(found.at == breach.at for found in told)


def weights(node: Node) -> Iterator[Diagnostic]:
    """Weights as the command line takes them, `blue=90 green=10`, are a mapping in a file."""
    for key in ("traffic", "mirror_traffic"):
        found = dig(node, key)
        if found and (pairs := _pairs(found)):
            right = ", ".join(f"{name}: {value if value.isdigit() else '<percent>'}" for name, value in pairs)
            message = f"`{key}` must be a mapping, found {describe(found)}"
            yield error_at(found.at, message, f"Write `{key}: {{{right}}}`.", "text-for-mapping")


def variables(node: Node) -> Iterator[Diagnostic]:
    """`A=b`, or a list of them or of name and value, is a mapping in a file. A value may be secret: it is not shown."""
    found = dig(node, "environment_variables")
    if found is None or isinstance(found, MapNode):
        return
    pairs = _pairs(found) or [(name, "") for name in _listed_names(found)]
    if pairs:
        form = "a list" if isinstance(found, ListNode) else "text"
        message = f"`environment_variables` must be a mapping, found {form}: {', '.join(name for name, _ in pairs)}=…"
        name, value = pairs[0]
        harmless = name.startswith("PROMPTFLOW_") and re.fullmatch(r"[a-z]+|\d{1,6}", value)
        shown = value if harmless else "<value>"
        remedy = f"Write each on a line of its own, with a colon and a blank: `{name}: {shown}`."
        yield error_at(found.at, message, remedy, "text-for-mapping")


def _pairs(node: Node) -> list[tuple[str, str]]:
    """Return name and value of every `A=b` in a text or in a list of texts; none where anything else stands there."""
    parts = [text(item) for item in node.items] if isinstance(node, ListNode) else [text(node)]
    found = [_PAIR.findall(part) if part and re.search(r"[\w.-]\s*=", part) else [] for part in parts]
    return [pair for pairs in found for pair in pairs] if all(found) else []


def _listed_names(node: Node) -> list[str]:
    """Return the names of Kubernetes' form: a list of mappings with `name` and `value`."""
    listed = node.items if isinstance(node, ListNode) else ()
    return [name for item in listed if (name := text(item, "name"))]


def cluster(node: Node) -> Iterator[Diagnostic]:
    """A cluster is named with `azureml:` before it."""
    found, written = dig(node, "compute"), text(node, "compute")
    if found and written and re.fullmatch(r"[^\s:@/]+", written):
        message = f"`compute` is named without `azureml:`, found `{written}`"
        yield error_at(found.at, message, f"Write `compute: azureml:{written}`.", "azureml-prefix")


def assets(node: Node) -> Iterator[Diagnostic]:
    """The name of a model or environment has `azureml:` before it and one version, or @latest, behind it."""
    for key in ("model", "environment"):
        found, written = dig(node, key), text(node, key)
        if found and written and (told := _asset(key, written)):
            yield error_at(found.at, *told)


def _asset(key: str, written: str) -> tuple[str, str, str] | None:
    """Return message, remedy and code for a reference that is none."""
    if written.startswith("azureml:"):
        return None if written.startswith("azureml:/") else _named(key, written.removeprefix("azureml:"))
    if key == "model" and (path := written.removeprefix("file:")) != written:
        message = f"a model in files is a mapping with `path`, found `{written}`"
        return message, f"Write `model: {{path: {re.sub('^//(?=/)', '', path) or '.'}}}`.", "asset-reference"
    bare = _BARE_REFERENCE.fullmatch(written)
    if bare or re.fullmatch(r"[^\s:@/]+[:@][^\s:@/]+", written):
        right = f"azureml:{bare['rest'] if bare else written}"
        if key == "environment" and not bare:
            right += f"`, or for an image `environment: {{image: {written}}}"
        return f"`{key}` is named without `azureml:`, found `{written}`", f"Write `{key}: {right}`.", "azureml-prefix"
    return _path_or_image(key, written)


def _named(key: str, name: str) -> tuple[str, str, str] | None:
    if not re.split(r"[:@]", name)[0].strip():
        return None
    if re.search(r"\s", name):
        right = re.sub(r"\s+", "", name)
        return f"`{key}` holds a blank, found `azureml:{name}`", f"Write `{key}: azureml:{right}`.", "asset-reference"
    parts = re.split(r"[:@]", name)
    if len(parts) == 1:
        message = f"`{key}` names neither a version nor @latest, found `azureml:{name}`"
        return (
            message,
            f"Write `{key}: azureml:{name}:1` with its version, or `azureml:{name}@latest`.",
            "asset-reference",
        )
    if len(parts) > 2:
        return f"`{key}` names more than one version, found `azureml:{name}`", "Keep one of them.", "asset-reference"
    if "@" in name and parts[1] != "latest":
        message = f"`{key}` has the label `{parts[1]}`; Azure knows the label latest only"
        return message, f"Write `{key}: azureml:{parts[0]}@latest`, or name a version.", "asset-reference"
    return None


def _path_or_image(key: str, written: str) -> tuple[str, str, str] | None:
    if key == "model" and re.match(r"\.{0,2}/|[\w-]+/", written) and not written.startswith("/subscriptions/"):
        message = f"a model in files is a mapping with `path`, found `{written}`"
        return message, f"Write `model: {{path: {written}}}`.", "asset-reference"
    if key == "environment" and _IMAGE.fullmatch(written) and "://" not in written:
        message = f"an image is written below `environment`, found `{written}`"
        return message, f"Write `environment: {{image: {written}}}`.", "asset-reference"
    return None


def identities(node: Node) -> Iterator[Diagnostic]:
    """An endpoint's identities are a list, each with the key `resource_id`."""
    listed = dig(node, "identity", "user_assigned_identities")
    if isinstance(listed, MapNode):
        message = "`identity.user_assigned_identities` of an endpoint is a list, found a mapping (a workspace's form)"
        yield error_at(listed.at, message, _identity_remedy(next(iter(listed.entries), "")), "identity-key")
    for item in listed.items if isinstance(listed, ListNode) else ():
        if (told := _identity(item)) is not None:
            at, found, written = told
            message = f"an identity is given by `resource_id`, found {found}"
            yield error_at(at, message, _identity_remedy(written), "identity-key")


def _identity(item: Node) -> tuple[Mark, str, str] | None:
    """Return where, how and what is written in place of `resource_id`; None for a right one."""
    if isinstance(item, ScalarNode):
        return (item.at, f"`{item.value}`", str(item.value)) if isinstance(item.value, str) else None
    if not isinstance(item, MapNode) or "resource_id" in item.entries or not item.entries:
        return None
    key, entry = next(iter(item.entries.items()))
    return entry.key_at, f"`{key}`", _arm_id(key, entry)


def _arm_id(key: str, entry: Entry) -> str:
    return key if key.startswith("/") else text(entry.node) or ""


def _identity_remedy(written: str) -> str:
    shown = written if written.startswith("/subscriptions/") else "<ARM id of the user-assigned identity>"
    return f"Write `- resource_id: {shown}`."


_FORMS: Mapping[Kind, Sequence[Callable[[Node], Iterator[Diagnostic]]]] = {
    Kind.ENDPOINT: (weights, cluster, identities),
    Kind.DEPLOYMENT: (variables, assets),
}


def _forms(kind: Kind) -> Sequence[Callable[[Node], Iterator[Diagnostic]]]:
    """Return the forms of a kind; those of rollouts are imported for these only."""
    if kind is not Kind.ROLLOUT:
        return _FORMS.get(kind, ())
    from sluice.spec.rules import rollout_forms

    return rollout_forms.FORMS

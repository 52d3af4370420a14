"""Rules of a rollout's values, wherever they stand: addresses, headers, times, percentages; and of its notifications.

No message holds an address or the value of a header: they may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at, warning_at
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, Step, dig, items, mark_of, text
from sluice.spec.open_secrets import secret_address, secret_header
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.quantities import has_unit, percent, seconds
from sluice.spec.references import secret_reference, secret_reference_fault
from sluice.spec.typed import listed

_ADDRESSES = frozenset({"url", "address", "slack", "teams", "webhook"})
_OVER_0 = frozenset({"timeout", "interval", "deadline", "bake", "rate"})
_PERCENTAGES = frozenset({"worse_by", "false_alarm", "percent"})
_RECIPIENTS = ("slack", "teams", "webhook", "command", "file")
_SENT = frozenset({"slack", "teams", "webhook"})
_REFERENCE = "Give a reference: `${config:NAME}`, `${env:NAME}` or `${keyvault:VAULT/NAME}`."
_SECRET = frozenset({"slack", "teams"})
_INSIDE = re.compile(r"\$\{(config|env|keyvault):")

Found = tuple[tuple[Step, ...], Node]


def addresses(node: Node) -> Iterator[Diagnostic]:
    """An address is whole, and one that is secret is a reference."""
    for path, found in _walk(node, ()):
        written = text(found)
        if path[-1] not in _ADDRESSES or written is None or secret_reference(written, found.at):
            continue
        name = f"`{dotted(path)}`"
        if fault := _fault(written):
            yield error_at(found.at, f"{name}: {fault}", _REFERENCE, "secret-reference")
        elif not re.match(r"https?://[^/\s?#]", written) and not _stands_in(written):
            message = f"{name} is no address: it does not begin with `https://` or `http://`"
            yield error_at(found.at, message, "Write the whole address.", "address")
        elif secret_address(written) or (path[-1] in _SECRET and not holds_placeholder(written)):
            yield warning_at(found.at, f"{name} seems to hold a secret in the open", _REFERENCE, "literal-secret")


def _stands_in(written: str) -> bool:
    """Tell whether the address begins with what another tool fills in."""
    return holds_placeholder(written.partition("/")[0]) and not written.startswith("${deployment}")


def header_values(node: Node) -> Iterator[Diagnostic]:
    """A header's value is a reference as a whole where it is secret."""
    for path, found in _walk(node, ()):
        written = text(found)
        if len(path) < 2 or path[-2] != "headers" or written is None or secret_reference(written, found.at):
            continue
        name = f"`{dotted(path)}`"
        if fault := _fault(written):
            remedy = "Put the whole value, `Bearer` included, into the secret."
            yield error_at(found.at, f"{name}: {fault}", remedy, "secret-reference")
        elif secret_header(str(path[-1])) and not holds_placeholder(written):
            yield warning_at(found.at, f"{name} seems to hold a secret in the open", _REFERENCE, "literal-secret")


def _fault(written: str) -> str | None:
    """Return what is wrong with a text that has a secret reference in it; None where it has none."""
    if fault := secret_reference_fault(written):
        return None if holds_placeholder(written) else fault
    return "a secret reference stands alone: inside other text it stays as it is" if _INSIDE.search(written) else None


def over_zero(node: Node) -> Iterator[Diagnostic]:
    """A time limit, an interval and a bake take some time; a load has a rate."""
    for path, found in _walk(node, ()):
        if path[-1] in _OVER_0 and seconds(found) == 0:
            message = f"`{dotted(path)}` must be over 0, found {text(found) or 0}"
            yield error_at(found.at, message, "Give it more, or leave it out.", "range")


def percentages(node: Node) -> Iterator[Diagnostic]:
    """A number under 1 without a sign may have been meant as a share: it is a percentage."""
    for path, found in _walk(node, ()):
        of_load = path[-2:] == ("load", "failures_allowed")
        if path[-1] not in _PERCENTAGES and not of_load and not _limits_errors(node, path):
            continue
        value = percent(found)
        if value is not None and 0 < value < 1 and not has_unit(found):
            message = f"`{dotted(path)}` is {value:g} %: a number without a sign is in percent"
            remedy = f"Write `{value:g}%` if that is meant, else `{value * 100:g}%`."
            yield warning_at(found.at, message, remedy, "rollout-unit")


def _limits_errors(node: Node, path: tuple[Step, ...]) -> bool:
    return path[-1] == "at_most" and "analysis" in path and text(node, *path[:-1], "metric") == "errors"


def record_share(node: Node) -> Iterator[Diagnostic]:
    """What is recorded is a part of the requests: some of them, at most all."""
    found, written = percent(node, "record", "percent"), dig(node, "record", "percent")
    if found is not None and written and not 0 < found <= 100:
        message = f"`record.percent` must be over 0 % and at most 100 %, found {found:g} %"
        yield error_at(written.at, message, "Write `1%`, for example, or remove `record`.", "range")


def load_share(node: Node) -> Iterator[Diagnostic]:
    """The failures that a load allows are a part of its requests."""
    for path, found in _walk(node, ()):
        value = percent(found) if path[-2:] == ("load", "failures_allowed") else None
        if value is not None and value > 100:
            message = f"`{dotted(path)}` must be at most 100 %, found {value:g} %"
            yield error_at(found.at, message, "Write `1%`, for example.", "range")


def recipients(node: Node) -> Iterator[Diagnostic]:
    """A notification has one recipient; headers go to an address."""
    for index, item in enumerate(listed(node, "notify")):
        path: tuple[Step, ...] = ("notify", index)
        keys = [key for key, _ in items(item)]
        given = [key for key in keys if key in _RECIPIENTS]
        if not given:
            remedy = f"Add one of {', '.join(f'`{key}`' for key in _RECIPIENTS)}."
            yield error_at(mark_of(node, *path), f"`{dotted(path)}` has no recipient", remedy, "rollout-notify")
        for key in given[1:]:
            message = f"`{dotted((*path, key))}` stands beside `{given[0]}`; a notification has one recipient"
            yield error_at(mark_of(node, *path, key), message, f"Make `{key}` an item of its own.", "rollout-notify")
        if given and "headers" in keys and not _SENT & set(given):
            message = f"`{dotted((*path, 'headers'))}` are sent to no address"
            yield error_at(mark_of(node, *path, "headers"), message, "Remove them.", "rollout-notify")


def _walk(node: Node, path: tuple[Step, ...]) -> Iterator[Found]:
    """Yield every single value with its path."""
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield from _walk(entry.node, (*path, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _walk(item, (*path, index))
    elif isinstance(node, ScalarNode) and path:
        yield path, node


RULES = (addresses, header_values, over_zero, percentages, record_share, load_share, recipients)

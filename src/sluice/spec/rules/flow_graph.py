"""Rules of a flow's graph: what nodes and outputs refer to exists, in an order that can run.

Source of the rules: the checks that prompt flow 1.18's executor makes before it runs a flow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, note_at, warning_at
from sluice.spec.nodes import Node, dig, items, mark_of, text
from sluice.spec.rules.flow_nodes import (
    Definition,
    Reference,
    definitions,
    listed_nodes,
    misspelled,
    output_references,
    reference,
    references,
    values,
)

_SHOWN_NAMES = 10
_COMPARED_NAMES = 100
_SHOWN_CIRCLES = 20


def unique_names(flow: Node) -> Iterator[Diagnostic]:
    """Each node has a name of its own."""
    first: dict[str, Mark] = {}
    for path, node in listed_nodes(flow):
        name, written = text(node, "name"), dig(node, "name")
        if name is None or written is None:
            continue
        if name in first:
            message = f"`{path}.name`: the node `{name}` is written twice, first in line {first[name].line}"
            yield error_at(written.at, message, "Rename one of the two.", "duplicate")
        first.setdefault(name, written.at)


def existing(flow: Node) -> Iterator[Diagnostic]:
    """What nodes and outputs refer to exists: an input of the flow, or the output of a node."""
    nodes = dict.fromkeys(one.name for one in definitions(flow))
    inputs = dict.fromkeys(key for key, _ in items(flow, "inputs"))
    known = {
        "input": None if misspelled(flow, "inputs") else inputs,
        "node": None if misspelled(flow, "nodes") or "" in nodes else nodes,  # "": a node lacks its name
    }
    for one in _all_references(flow):
        names = known[one.kind]
        if names is not None and one.name not in names:
            yield _unknown(one, list(names))
        elif one.section != "output":
            message = f"`{one.path}` refers to `{one.section}` of the node `{one.name}`; a node has only `output`"
            yield error_at(one.at, message, f"Write `${{{one.name}.output}}`.", "flow-reference")


def _all_references(flow: Node) -> Iterator[Reference]:
    yield from output_references(flow)
    for found in definitions(flow):
        yield from references(found)


def _unknown(one: Reference, names: Sequence[str]) -> Diagnostic:
    what = "input" if one.kind == "input" else "node"
    missing = "which the flow does not have" if one.kind == "input" else "which does not exist"
    message = f"`{one.path}` refers to the {what} `{one.name}`, {missing}"
    meant = nearest(one.name, names[:_COMPARED_NAMES])
    if meant:
        remedy = (
            f"Did you mean `${{inputs.{meant}}}`?" if one.kind == "input" else f"Did you mean `${{{meant}.output}}`?"
        )
    else:
        remedy = f"The flow's {what}s: {_some(names)}." if names else f"The flow has no {what}s."
    return error_at(one.at, message, remedy, "flow-reference")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def embedded(flow: Node) -> Iterator[Diagnostic]:
    """A reference inside other text is no reference: the node gets the text as it is written."""
    known = {*(f"${{{one.name}.output" for one in definitions(flow)), "${inputs.", "${flow."}
    for found in definitions(flow):
        for path, node in values(found):
            written = text(node) or ""
            whole = written.startswith("${") and written.endswith("}")
            if not whole and not path.endswith(".activate.when") and any(sign in written for sign in known):
                message = f"`{path}` has a reference inside other text, which stays as it is written"
                remedy = "A reference stands alone; put texts together in a prompt or a Python node."
                yield warning_at(node.at, message, remedy, "flow-literal")


def acyclic(flow: Node) -> Iterator[Diagnostic]:
    """No node waits for itself."""
    found = [one for one in definitions(flow) if one.default]
    together = {one.name for one in found if one.aggregation}
    needed: dict[str, dict[str, Reference]] = {one.name: {} for one in found}
    if len(needed) < len(found):
        return  # of two nodes with one name, nobody knows which one is meant
    for one in found:
        # A line that waits for an aggregation is another fault, told elsewhere.
        for ref in references(one):
            if ref.kind == "node" and ref.name in needed and (one.aggregation or ref.name not in together):
                needed[one.name].setdefault(ref.name, ref)
    for circle in islice(cycles(needed), _SHOWN_CIRCLES):
        yield _circle(circle, needed)


def _circle(circle: Sequence[str], needed: Mapping[str, Mapping[str, Reference]]) -> Diagnostic:
    closing = needed[circle[0]][circle[1 % len(circle)]]
    if len(circle) == 1:
        message = f"`{closing.path}`: the node `{circle[0]}` refers to itself"
    else:
        shown = " -> ".join(f"`{name}`" for name in [*circle, circle[0]])
        message = f"`{closing.path}`: the nodes need each other in a circle: {shown}"
    return error_at(closing.at, message, "Take one of the references out.", "flow-cycle")


def cycles(needed: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """Yield circles without a common node among `needed` (name to the names it needs), until what is left has none.

    A circle begins with its first name in the order of `needed`, followed by what that one needs.
    """
    order = {name: place for place, name in enumerate(needed)}
    left = {name: [other for other in others if other in needed] for name, others in needed.items()}
    while _drop_free(left):
        circle = _walk(left)
        start = circle.index(min(circle, key=order.__getitem__))
        yield (*circle[start:], *circle[:start])
        for name in circle:
            del left[name]


def _drop_free(left: dict[str, list[str]]) -> bool:
    """Take out, again and again, what needs nothing that is left; tell whether anything stays."""
    users: dict[str, list[str]] = {name: [] for name in left}
    for name, others in left.items():
        left[name] = [other for other in others if other in left]
        for other in left[name]:
            users[other].append(name)
    waits = {name: len(others) for name, others in left.items()}
    free = [name for name, count in waits.items() if not count]
    while free:
        name = free.pop()
        del left[name]
        for user in users[name]:
            waits[user] -= 1
            if not waits[user]:
                free.append(user)
    return bool(left)


def _walk(left: Mapping[str, Sequence[str]]) -> list[str]:
    """Follow what is needed from the first name until one comes up again; return what lies between."""
    name = next(iter(left))
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = next(other for other in left[name] if other in left)
    names = list(path)
    return names[names.index(name) :]


def aggregation(flow: Node) -> Iterator[Diagnostic]:
    """Aggregation runs after all lines: no line waits for it, and it is not activated line by line."""
    found = definitions(flow)
    together = {one.name for one in found if one.aggregation and one.default}
    names = {one.name for one in found}
    if len(names) < sum(one.default for one in found):
        return  # of two nodes with one name, nobody knows which one is meant
    for one in found:
        for ref in references(one):
            if ref.kind == "node" and ref.name in names:
                yield from _across_lines(one, ref, together)
    for ref in output_references(flow):
        if ref.kind == "node" and ref.name in together:
            message = f"`{ref.path}` refers to the aggregation node `{ref.name}`; prompt flow leaves the output out"
            yield warning_at(ref.at, message, "Log a metric in the node instead.", "flow-aggregation")


def _across_lines(one: Definition, ref: Reference, together: Collection[str]) -> Iterator[Diagnostic]:
    if not one.aggregation and ref.name in together:
        message = f"`{ref.path}` refers to the aggregation node `{ref.name}`, which runs after all lines"
        yield error_at(ref.at, message, f"Make `{one.name}` an aggregation node too.", "flow-aggregation")
    elif one.aggregation and ref.name not in together and ref.path.endswith(".activate.when"):
        message = f"`{ref.path}` of an aggregation node refers to `{ref.name}`, which runs once a line"
        yield error_at(ref.at, message, "Refer to an input or an aggregation node.", "flow-aggregation")


def unused(flow: Node) -> Iterator[Diagnostic]:
    """An input or a node whose value nobody takes is worth a note."""
    if misspelled(flow, "inputs") or misspelled(flow, "nodes") or misspelled(flow, "outputs"):
        return
    taken = {(one.kind, one.name) for one in _all_references(flow)}
    known = {("input", key) for key, _ in items(flow, "inputs")} | {("node", one.name) for one in definitions(flow)}
    if taken - known:
        return  # a reference that is mended may take it
    for key, entry in items(flow, "inputs"):
        if ("input", key) not in taken:
            yield note_at(entry.key_at, f"`inputs.{key}` is used nowhere in the flow", "", "unused")
    together = {one.name for one in definitions(flow) if one.aggregation}
    for path, node in listed_nodes(flow):
        name = text(node, "name")
        if name and ("node", name) not in taken and name not in together:
            message = f"`{path}`: nothing takes the output of the node `{name}`"
            yield note_at(mark_of(node, "name"), message, "", "unused")


def activation(flow: Node) -> Iterator[Diagnostic]:
    """Activation compares something: with a literal, the node runs always or never."""
    for found in definitions(flow):
        compared = dig(found.node, "activate", "when")
        if compared and reference(text(compared), compared.at, "") is None:
            message = f"`{found.path}.activate.when` is no reference: it is the same for every line"
            yield warning_at(compared.at, message, "Refer to an input or to a node's output.", "flow-activate")


RULES = (unique_names, existing, embedded, acyclic, aggregation, activation, unused)

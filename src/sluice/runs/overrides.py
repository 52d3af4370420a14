"""A run's variant and connections, written into the flow's definition as prompt flow does it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from sluice.errors import SpecError
from sluice.spec.findings import nearest

_LLM_INPUTS: Final = ("deployment_name", "model")


def overridden(
    flow: Mapping[str, Any], variant: tuple[str, str] | None, connections: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the definition of a DAG flow with a variant chosen and nodes' connections replaced.

    Args:
        flow: the definition, as YAML reads it.
        variant: a node and one of its variants; every other node has its default one.
        connections: by node: `connection`, `deployment_name`, `model` of an LLM node, inputs of a Python node.

    Raises SpecError for a node, a variant or an input that is not there.
    """
    found = deepcopy(dict(flow))
    if variant:
        _choose(found, *variant)
    for name, settings in connections.items():
        node = _node(found, name)
        _set_of_llm(node, settings) if node.get("type") == "llm" else _set_of_python(name, node, settings)
    return found


def _choose(flow: dict[str, Any], name: str, variant: str) -> None:
    _node(flow, name)
    variants = ((flow.get("node_variants") or {}).get(name) or {}).get("variants") or {}
    if variant not in variants:
        raise _unknown(f"node `{name}` has no variant `{variant}`", variant, list(variants))
    chosen = {"name": name, **variants[variant]["node"]}
    flow["nodes"] = [chosen if node["name"] == name else node for node in flow["nodes"]]


def _node(flow: Mapping[str, Any], name: str) -> dict[str, Any]:
    nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in flow.get("nodes") or ()}
    if name not in nodes:
        raise _unknown(f"the flow has no node `{name}`", name, list(nodes))
    return _of_default_variant(flow, nodes[name])


def _of_default_variant(flow: Mapping[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return the node itself; one that uses variants becomes its default variant first."""
    if not node.get("use_variants"):
        return node
    known = (flow.get("node_variants") or {}).get(node["name"]) or {}
    default = (known.get("variants") or {}).get(known.get("default_variant_id"))
    if default:
        name = node["name"]
        node.clear()
        node.update({"name": name, **deepcopy(default["node"])})
    return node


def _set_of_llm(node: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        if key == "connection":
            node["connection"] = value
        elif key in _LLM_INPUTS:
            node.setdefault("inputs", {})[key] = value
        else:
            raise _unknown(f"an LLM node has no setting `{key}`", key, ["connection", *_LLM_INPUTS])


def _set_of_python(name: str, node: dict[str, Any], settings: Mapping[str, Any]) -> None:
    inputs = node.setdefault("inputs", {})
    for key, value in settings.items():
        if key not in inputs and key not in _LLM_INPUTS:
            raise _unknown(f"node `{name}` has no input `{key}`", key, list(inputs))
        inputs[key] = value


def _unknown(message: str, word: str, known: list[str]) -> SpecError:
    meant = nearest(word, known)
    return SpecError(message, remedy=f"Did you mean `{meant}`?" if meant else f"It has {', '.join(known) or 'none'}.")

"""A run's variant and connections in the flow's definition."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from sluice.errors import SpecError
from sluice.runs.overrides import overridden

FLOW: dict[str, Any] = {
    "nodes": [
        {"name": "ask", "use_variants": True},
        {"name": "fetch", "type": "python", "inputs": {"connection": "own", "top": 3}},
    ],
    "node_variants": {
        "ask": {
            "default_variant_id": "short",
            "variants": {
                "short": {"node": {"type": "llm", "connection": "a", "inputs": {"deployment_name": "x"}}},
                "long": {"node": {"type": "llm", "connection": "b", "inputs": {"deployment_name": "y"}}},
            },
        }
    },
}


def node(flow: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in flow["nodes"] if one["name"] == name)


def test_a_variant_takes_the_nodes_place_and_the_flow_itself_is_left() -> None:
    before = deepcopy(FLOW)
    found = overridden(FLOW, ("ask", "long"), {})
    assert node(found, "ask") == {"name": "ask", **FLOW["node_variants"]["ask"]["variants"]["long"]["node"]}
    assert before == FLOW


def test_connections_of_llm_and_python_nodes_are_replaced_with_the_default_variant_where_none_is_chosen() -> None:
    settings = {"ask": {"connection": "c", "deployment_name": "z", "model": "m"}, "fetch": {"connection": "d"}}
    found = overridden(FLOW, None, settings)
    assert node(found, "ask") == {
        "name": "ask", "type": "llm", "connection": "c", "inputs": {"deployment_name": "z", "model": "m"}
    }  # fmt: skip
    assert node(found, "fetch")["inputs"] == {"connection": "d", "top": 3}


def test_a_variant_and_a_connection_of_the_same_node_both_count() -> None:
    found = overridden(FLOW, ("ask", "long"), {"ask": {"connection": "c"}})
    assert (node(found, "ask")["connection"], node(found, "ask")["inputs"]["deployment_name"]) == ("c", "y")


@pytest.mark.parametrize(
    ("variant", "connections", "says", "remedy"),
    [
        (("fetsh", "long"), {}, "no node `fetsh`", "Did you mean `fetch`?"),
        (("ask", "lung"), {}, "no variant `lung`", "Did you mean `long`?"),
        (None, {"fetsh": {"connection": "c"}}, "no node `fetsh`", "Did you mean `fetch`?"),
        (None, {"fetch": {"conection": "c"}}, "no input `conection`", "Did you mean `connection`?"),
        (None, {"ask": {"deploymentname": "c"}}, "no setting `deploymentname`", "Did you mean `deployment_name`?"),
    ],
)
def test_what_is_not_there_is_refused(
    variant: tuple[str, str] | None, connections: dict[str, dict[str, str]], says: str, remedy: str
) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        overridden(FLOW, variant, connections)
    assert caught.value.remedy == remedy

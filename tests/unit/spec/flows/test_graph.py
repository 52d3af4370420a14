from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.parse import parse_documents
from sluice.spec.rules import flow_graph
from sluice.spec.rules.flow_graph import cycles

Check = Callable[..., list[Diagnostic]]

FLOW = """
inputs:
  text: {type: string}
outputs:
  result: {type: string, reference: "${second.output}"}
nodes:
- name: first
  type: prompt
  source: {path: p.jinja2}
  inputs: {text: "${inputs.text}"}
- name: second
  type: prompt
  source: {path: p.jinja2}
  inputs: {text: "${first.output.answer}"}
- name: metrics
  type: prompt
  aggregation: true
  source: {path: p.jinja2}
  inputs: {all: "${second.output}"}
"""
FILES = {"p.jinja2": ""}


def said(found: list[Diagnostic]) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in found]


def test_a_sound_flow(check: Check) -> None:
    assert check(FLOW, FILES) == []


CASES = [
    ("${first.output.answer}", "${frist.output.answer}", None, ["error 14:18 flow-reference"]),
    ("${inputs.text}", "${flow.txt}", None, ["error 10:18 flow-reference"]),
    ("${first.output.answer}", "${first.outputs}", None, ["error 14:18 flow-reference"]),
    ("${inputs.text}", "${first.output}", None, ["note 3:3 unused", "error 10:18 flow-cycle"]),
    ("${inputs.text}", "${second.output}", None, ["note 3:3 unused", "error 10:18 flow-cycle"]),
    ("name: metrics", "name: first", None, ["error 15:9 duplicate"]),
    ('reference: "${second.output}"', 'reference: "${metrics.output}"', None, ["warning 5:37 flow-aggregation"]),
    ("${first.output.answer}", "${metrics.output}", None, ["note 7:3 unused", "error 14:18 flow-aggregation"]),
    (
        "aggregation: true",
        'aggregation: true\n  activate: {when: "${first.output}", is: 1}',
        None,
        ["error 18:20 flow-aggregation"],
    ),
    (
        '{text: "${inputs.text}"}',
        '{text: "${inputs.text}"}\n  activate: {when: yesterday, is: 1}',
        None,
        ["warning 11:20 flow-activate"],
    ),
    (
        '{text: "${inputs.text}"}',
        '{text: "${inputs.text}"}\n  activate: {when: "${inputs.text}"}',
        None,
        ["error 11:3 required"],
    ),
    (
        '{all: "${second.output}"}',
        '{all: "${second.output}", more: "say ${inputs.text}!"}',
        None,
        ["warning 19:43 flow-literal"],
    ),
]


@pytest.mark.parametrize(("old", "new", "files", "expected"), CASES)
def test_one_fault(check: Check, old: str, new: str, files: dict[str, str] | None, expected: list[str]) -> None:
    assert said(check(FLOW.replace(old, new, 1), {**FILES, **(files or {})})) == expected


def test_the_nearest_name_is_offered(check: Check) -> None:
    (found,) = [one for one in check(FLOW.replace("${first.", "${frist."), FILES) if one.severity == "error"]

    assert found.remedy == "Did you mean `${first.output}`?"


def test_a_name_like_no_other_gets_the_list(check: Check) -> None:
    (found,) = [one for one in check(FLOW.replace("${first.", "${xyz."), FILES) if one.severity == "error"]

    assert found.remedy == "The flow's nodes: first, second, metrics."


@pytest.mark.parametrize("key", ["inputs", "nodes"])
def test_a_misspelled_section_is_told_once(check: Check, key: str) -> None:
    found = [one for one in check(FLOW.replace(f"\n{key}:", f"\n{key[:-1]}:"), FILES) if one.severity == "error"]

    assert [(one.code, one.message) for one in found] == [("unknown-key", f"unknown key `{key[:-1]}`")]


def test_each_variant_is_looked_at_and_the_default_one_makes_the_graph(check: Check) -> None:
    flow = """
    inputs: {text: {type: string}}
    outputs: {result: {type: string, reference: "${a.output}"}}
    nodes:
    - {name: a, use_variants: true}
    - {name: b, type: prompt, source: {path: p.jinja2}, inputs: {text: "${a.output}", more: "${inputs.text}"}}
    node_variants:
      a:
        default_variant_id: one
        variants:
          one: {node: {type: prompt, source: {path: p.jinja2}, inputs: {text: "${inputs.text}"}}}
          two: {node: {type: prompt, source: {path: p.jinja2}, inputs: {text: "${b.output}", x: "${c.output}"}}}
    """

    assert [(one.at.line, one.code) for one in check(flow, FILES) if one.severity == "error"] == [
        (12, "flow-reference")
    ]
    circle = check(flow.replace("id: one", "id: two"), FILES)
    assert "flow-cycle" in {one.code for one in circle}


GRAPHS = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=8)


def has_circle(graph: dict[str, list[str]]) -> bool:
    try:
        TopologicalSorter(
            {name: [other for other in others if other in graph] for name, others in graph.items()}
        ).prepare()
    except CycleError:
        return True
    return False


@given(GRAPHS)
def test_circles_are_found_where_there_are_some(graph: dict[str, list[str]]) -> None:
    found = list(cycles(graph))

    assert bool(found) == has_circle(graph)
    for circle in found:
        assert all(after in graph[name] for name, after in zip(circle, [*circle[1:], circle[0]], strict=True))
        assert len(set(circle)) == len(circle)
    rest = {name: others for name, others in graph.items() if name not in {one for circle in found for one in circle}}
    assert not has_circle(rest)


REFERENCES = st.sampled_from(
    ["${inputs.x}", "${inputs.y}", "${a.output}", "${b.output.p}", "${c}", "${}", "${.}", "$", 1]
)
NODES: st.SearchStrategy[list[object]] = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["a", "b", "c", "", 1, None]),
            "inputs": st.none() | st.dictionaries(st.sampled_from("xyz"), REFERENCES, max_size=3) | st.just([]),
            "activate": st.none() | st.fixed_dictionaries({}, optional={"when": REFERENCES, "is": REFERENCES}),
            "aggregation": st.booleans() | st.just("x"),
            "use_variants": st.booleans(),
        },
    )
    | st.none(),
    max_size=6,
)


@given(NODES, st.none() | st.dictionaries(st.sampled_from("ab"), REFERENCES, max_size=2))
def test_any_graph_gives_a_result(nodes: list[object], outputs: dict[str, object] | None) -> None:
    import json

    flow = {"nodes": nodes, "outputs": {key: {"reference": one} for key, one in (outputs or {}).items()}}
    node = parse_documents(json.dumps(flow), "flow.dag.yaml")[0]

    for rule in flow_graph.RULES:
        assert all(one.at.line == 1 for one in rule(node))


def test_a_long_chain_is_walked_without_recursion() -> None:
    chain = {str(number): [str(number + 1)] for number in range(20_000)}

    assert list(cycles(chain)) == []
    assert [len(circle) for circle in cycles({**chain, "20000": ["0"]})] == [20_001]

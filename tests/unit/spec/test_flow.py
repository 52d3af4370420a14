from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.errors import SpecFileError
from sluice.spec.flow import read_flow
from sluice.spec.models import FlowConnectionUse

Project = Callable[[Mapping[str, str]], Path]


def uses(folder: Path) -> list[tuple[str, str]]:
    flow = read_flow(folder)
    assert flow is not None
    return [(use.name, use.node) for use in flow.connections]


def test_no_flow(tmp_path: Path) -> None:
    assert read_flow(tmp_path) is None


def test_a_dag_flow(project: Project) -> None:
    root = project({
        "flow.dag.yaml": "inputs: {q: {type: string}}\noutputs: {a: {type: string}, b: {type: string}}\nnodes: []\n",
        "requirements.txt": "promptflow\n# none\nnumpy\n",
    })  # fmt: skip

    flow = read_flow(root)

    assert flow is not None
    assert (flow.inputs, flow.outputs) == (("q",), ("a", "b"))
    assert flow.requirements == ("promptflow", "numpy")
    assert flow.requirements_file == root / "requirements.txt"
    assert flow.file == root / "flow.dag.yaml"


def test_the_environment_names_the_requirements(project: Project) -> None:
    root = project({
        "flow.dag.yaml": "nodes: []\nenvironment: {python_requirements_txt: needs.txt}\n",
        "requirements.txt": "no\n",
        "needs.txt": "yes\n",
    })  # fmt: skip

    flow = read_flow(root)

    assert flow is not None
    assert flow.requirements == ("yes",)


@pytest.mark.parametrize(
    "signature",
    [
        "conn: CustomConnection, text: str",
        "text: str, conn: 'AzureOpenAIConnection'",
        "text: str, *, conn: Union[AzureOpenAIConnection, OpenAIConnection] = None",
        "text: str, conn: promptflow.connections.CustomConnection | None = None",
        "text: str, conn: MyOwnConnection",
    ],
)
def test_connections_of_python_nodes_by_annotation(project: Project, signature: str) -> None:
    root = project({
        "flow.dag.yaml": "nodes:\n- name: n\n  type: python\n  source: {type: code, path: tool.py}\n"
        "  inputs: {conn: my_connection, text: literal}\n",
        "tool.py": f"def helper(text: OtherConnection): ...\n\n\n@tool\nasync def run({signature}): ...\n",
    })  # fmt: skip

    assert uses(root) == [("my_connection", "n")]


def test_connections_wherever_a_flow_names_them(project: Project) -> None:
    flow = """
    nodes:
    - {name: chat, type: llm, connection: llm_connection, inputs: {}}
    - {name: search, type: python, source: {type: package, tool: a.b}, inputs: {connection: package_connection, q: x}}
    - {name: choice, use_variants: true}
    - {name: wired, type: python, source: {type: code, path: tool.py}, inputs: {conn: "${inputs.c}"}}
    - {name: broken, type: python, source: {type: code, path: broken.py}, inputs: {conn: never}}
    - {name: missing, type: python, source: {type: code, path: missing.py}, inputs: {conn: never}}
    node_variants:
      choice:
        default_variant_id: second
        variants:
          first: {node: {type: llm, connection: not_this_one}}
          second: {node: {type: llm, connection: variant_connection}}
    environment_variables:
      KEY: ${env_connection.api_key}
      OTHER: plain
    """
    root = project({
        "flow.dag.yaml": textwrap.dedent(flow),
        "tool.py": "def run(conn: CustomConnection): ...\n",
        "broken.py": "def run(\n",
    })  # fmt: skip

    assert uses(root) == [
        ("llm_connection", "chat"),
        ("package_connection", "search"),
        ("variant_connection", "choice"),
        ("env_connection", "environment_variables.KEY"),
    ]


def test_a_flex_flow(project: Project) -> None:
    flow = """
    entry: chat:Chat
    inputs: {q: {type: string}}
    init:
      connection: {type: AzureOpenAIConnection}
      model: {type: string, default: not_a_connection}
    sample: {init: {connection: sample_connection}}
    """
    root = project({"flow.flex.yaml": textwrap.dedent(flow)})

    assert uses(root) == [("sample_connection", "init.connection")]


def test_sources_brought_by_an_include_are_read(project: Project) -> None:
    root = project({
        "flow/flow.dag.yaml": "nodes:\n- name: n\n  type: python\n  source: {type: code, path: tool.py}\n"
        "  inputs: {conn: my_connection}\n",
        "shared/tool.py": "def run(conn: CustomConnection): ...\n",
    })  # fmt: skip

    flow = read_flow(root / "flow", {"tool.py": root / "shared" / "tool.py"})

    assert flow is not None
    assert flow.connections == (FlowConnectionUse("my_connection", "n"),)


def test_a_broken_flow_says_where(project: Project) -> None:
    root = project({"flows/f/flow.dag.yaml": "nodes: [\n"})

    with pytest.raises(SpecFileError) as caught:
        read_flow(root / "flows" / "f", None, root)

    assert caught.value.at is not None
    assert caught.value.at.path == "flows/f/flow.dag.yaml"

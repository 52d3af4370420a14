from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.parse import read_node
from sluice.spec.rules.run import reference

FLOW = """\
inputs:
  url: {type: string}
  lang: {type: string, default: en}
nodes:
- {name: fetch, type: python, inputs: {url: "${inputs.url}"}}
- {name: classify, use_variants: true}
- {name: ask, type: llm, inputs: {deployment_name: a}}
node_variants:
  classify: {default_variant_id: v0, variants: {v0: {node: {type: llm}}, v1: {node: {type: llm}}}}
  fetch: {default_variant_id: v0, variants: {v0: {node: {type: python}}}}
"""
FLEX = "entry: a:B\ninit: {connection: {type: AzureOpenAIConnection}}\n"
FILES = {
    "flow/flow.dag.yaml": FLOW,
    "flex/flow.flex.yaml": FLEX,
    "data.jsonl": '{"url": "a", "text": "b"}\n',
    "other.jsonl": '{"text": "b"}\n',
    "empty.jsonl": "",
}
MAPPED = "flow: flow\ndata: data.jsonl\n"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def findings(root: Path, run: str) -> tuple[Diagnostic, ...]:
    write(root, FILES | {"run.yml": run})
    return check_document(Document(Kind.RUN, read_node(root / "run.yml", root)), root).diagnostics


def told(root: Path, run: str) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in findings(root, run)]


@pytest.mark.parametrize(
    "run",
    [
        MAPPED,
        "flow: flow/flow.dag.yaml\ndata: data.jsonl\ncolumn_mapping: {url: '${data.text}', lang: de}\n",
        "flow: azureml:my-flow\ndata: https://example.com/data.jsonl\ncolumn_mapping: {anything: '${data.a}'}\n",
        "flow: azureml:my-flow\ndata: azureml:data:1\n",
        "flow: flow\nrun: first\ncolumn_mapping: {url: '${run.inputs.url}'}\n",
        "flow: flow\ndata: data.jsonl\nrun: first\ncolumn_mapping: {url: '${run.outputs.x}', lang: '${data.text}'}\n",
        "flow: flow\ndata: empty.jsonl\ncolumn_mapping: {url: '${data.anything}'}\n",
        MAPPED + "column_mapping:\n  url: |\n    ${data.url}\n",
        MAPPED + "column_mapping: {url: '${data.url}', line_number: '${data.nothing}'}\n",
        MAPPED + "variant: ${classify.v1}\n",
        MAPPED + "connections: {ask: {connection: c, deployment_name: d, model: m}, fetch: {conn: c}}\n",
        MAPPED + "environment_variables: {A: '${c.api_base}'}\n",
        MAPPED + "resources: {compute: ci}\nruntime: automatic\n",
        MAPPED + "identity: {type: managed, client_id: a}\ntags: {a: null}\nstatus: Completed\n",
        "flow: flex\ndata: data.jsonl\ninit: {connection: c}\ncolumn_mapping: {anything: '${data.text}'}\n",
    ],
)
def test_right_runs(tmp_path: Path, run: str) -> None:
    assert told(tmp_path, run) == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("flw: flow\ndata: data.jsonl\n", ["error 1:1 unknown-key"]),
        ("flow: flow\ndta: data.jsonl\n", ["error 2:1 unknown-key"]),
        (MAPPED + "colum_mapping: {}\n", ["error 3:1 unknown-key"]),
        (MAPPED + "owner: me\n", ["warning 3:1 unknown-key"]),
        (MAPPED + "ask:\n  connection: c\n  deployment_name: d\n", ["warning 3:1 unknown-key"]),
        ("data: data.jsonl\n", ["error 1:1 required"]),
        ("flow: flow\n", ["error 1:1 run-input"]),
        ("flow: nowhere\ndata: data.jsonl\n", ["error 1:7 missing-file"]),
        ("flow: https://example.com/flow\ndata: data.jsonl\n", ["error 1:1 run-flow"]),
        ("flow: data.jsonl\ndata: data.jsonl\n", ["error 1:7 run-flow"]),
        ("flow: .\ndata: data.jsonl\n", ["error 1:7 run-flow"]),
        ("flow: flow\ndata: nothing.jsonl\n", ["error 2:7 missing-file", "warning 1:1 mapping-input"]),
        ("flow: flex\ndata: fetched/later.jsonl\n", ["warning 2:7 missing-file"]),
        (MAPPED + "environment_variables: env_file\n", ["error 3:24 missing-file"]),
        (MAPPED + "environment_variables: .env\n", ["warning 3:24 missing-file"]),
        (MAPPED + "environment_variables: {PORT: 8080}\n", ["error 3:31 type"]),
        (MAPPED + "column_mapping: {url: '${data.txt}'}\n", ["error 3:23 mapping-column"]),
        (MAPPED + "column_mapping: {urll: '${data.url}'}\n", ["error 3:18 mapping-input"]),
        (MAPPED + "column_mapping: {baseline: '${data.url}'}\n", ["warning 3:18 mapping-input"]),
        (MAPPED + "column_mapping: {url: '${dta.url}'}\n", ["error 3:23 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${data}'}\n", ["error 3:23 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${run.url}'}\n", ["error 3:23 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${data.url'}\n", ["error 3:23 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${{data.url}}'}\n", ["error 3:23 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${data.url}', lang: '{data.url}'}\n", ["warning 3:44 mapping-source"]),
        (MAPPED + "column_mapping: {url: '${run.outputs.url}'}\n", ["warning 3:23 mapping-source"]),
        ("flow: flow\nrun: a\ncolumn_mapping: {url: '${data.url}'}\n", ["warning 3:23 mapping-source"]),
        ("flow: flow\ndata: other.jsonl\n", ["error 1:1 mapping-input"]),
        ("flow: flow\ndata: other.jsonl\ncolumn_mapping: {lang: '${data.text}'}\n", ["error 3:1 mapping-input"]),
        ("flow: flow\nrun: a\n", ["warning 1:1 mapping-input"]),
        ("flow: flow\ndata: empty.jsonl\n", ["warning 1:1 mapping-input"]),
        (MAPPED + "column_mapping: {url: a, lang: b}\n", ["error 3:1 mapping-source"]),
        (MAPPED + "column_mapping:\n", ["error 3:1 type"]),
        (MAPPED + "variant: classify.v1\n", ["error 3:10 pattern"]),
        (MAPPED + "variant: ${clasify.v1}\n", ["error 3:10 run-variant"]),
        (MAPPED + "variant: ${classify.v2}\n", ["error 3:10 run-variant"]),
        (MAPPED + "variant: ${fetch.v0}\n", ["warning 3:10 run-variant"]),
        (MAPPED + "connections: {aks: {connection: c}}\n", ["error 3:15 run-node"]),
        (MAPPED + "connections: {ask: {conection: c}}\n", ["error 3:21 unknown-key"]),
        (MAPPED + "connections: {ask: c}\n", ["error 3:20 type"]),
        (MAPPED + "resources: {instance_type: a, compute: b}\n", ["warning 3:13 session"]),
        (MAPPED + "resources: {instance_typ: a}\n", ["error 3:13 unknown-key"]),
        (MAPPED + "resources: {idle_time_before_shutdown_minutes: 60}\n", ["warning 3:13 deprecated"]),
        (MAPPED + "identity: {type: user_identity, client_id: a}\n", ["error 3:33 session"]),
        (MAPPED + "identity: {type: system}\n", ["error 3:18 enum"]),
        (MAPPED + "identity: {type: managed}\nresources: {compute: a}\n", ["warning 3:1 session"]),
        (MAPPED + "init: {a: b}\n", ["warning 3:1 run-init"]),
        ("flow: flex\ndata: data.jsonl\ninit: {conection: c}\n", ["warning 3:8 run-init"]),
    ],
)
def test_wrong_runs(tmp_path: Path, run: str, expected: list[str]) -> None:
    assert told(tmp_path, run) == expected


def test_messages_name_what_was_meant(tmp_path: Path) -> None:
    found = findings(tmp_path, MAPPED + "column_mapping: {url: '${data.txt}'}\nvariant: ${clasify.v0}\n")

    assert [(one.message, one.remedy) for one in found] == [
        (
            "`column_mapping.url` reads a column that the data lacks, found `${data.txt}`",
            "Did you mean `text`?",
        ),
        ("`variant`: the flow has no node `clasify`", "Did you mean `classify`?"),
    ]


def test_a_flow_that_cannot_be_read_is_told_at_the_run(tmp_path: Path) -> None:
    write(tmp_path, {"broken/flow.dag.yaml": "nodes: [\n", "list/flow.dag.yaml": "[a]"})

    broken = findings(tmp_path, "flow: broken\ndata: data.jsonl\n")
    not_a_flow = findings(tmp_path, "flow: list\ndata: data.jsonl\n")

    assert [(one.at.path, one.at.line, one.code) for one in broken] == [("run.yml", 1, "run-flow")]
    assert "broken/flow.dag.yaml:" in broken[0].message
    assert [one.code for one in not_a_flow] == ["run-flow"]


def test_two_flows_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path, {"flow/flow.flex.yaml": FLEX})

    assert told(tmp_path, MAPPED) == ["error 1:7 run-flow"]
    assert told(tmp_path, "flow: flow/flow.dag.yaml\ndata: data.jsonl\n") == []


def test_an_empty_flow_and_a_prompty_are_not_judged(tmp_path: Path) -> None:
    write(tmp_path, {"blank/flow.dag.yaml": "", "one.prompty": "---\n", "many/a.prompty": "---\n"})

    for flow in ("blank", "one.prompty", "many"):
        assert told(tmp_path, f"flow: {flow}\ndata: data.jsonl\nvariant: ${{a.b}}\n") == []


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    found = findings(tmp_path, MAPPED + "environment_variables: {KEY: [not-to-be-shown]}\n")

    assert [one.code for one in found] == ["type"]
    assert "not-to-be-shown" not in repr(found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${data.a.b}", ("data", "a.b")),
        ("${run.outputs.a}", ("run.outputs", "a")),
        ("${run.inputs.a}\n", ("run.inputs", "a")),
        ("${run.a}", ("run.a", "")),
        ("${database.a}", ("database.a", "")),
        ("${data}", ("data", "")),
        ("a ${data.a}", None),
        ("${}", None),
    ],
)
def test_references(value: str, expected: tuple[str, str] | None) -> None:
    assert reference(value) == expected


@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), min_size=1))
def test_what_stands_in_a_reference_is_kept(column: str) -> None:
    assert reference(f"${{data.{column}}}") == ("data", column)
    assert reference(f"x${{data.{column}}}") is None

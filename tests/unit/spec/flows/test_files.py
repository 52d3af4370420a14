from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.nodes import Node
from sluice.spec.parse import parse_documents
from sluice.spec.rules.flow_folder import flow_findings
from sluice.spec.rules.flow_includes import includes

Check = Callable[..., list[Diagnostic]]

FLOW = """
inputs: {text: {type: string}}
outputs: {answer: {type: string, reference: "${run.output}"}}
nodes:
- name: run
  type: python
  source: {type: code, path: tool.py}
  inputs: {text: "${inputs.text}"}
"""
TOOL = "@tool\ndef run(text): ...\n"


def said(found: list[Diagnostic]) -> list[str]:
    return [f"{one.severity} {one.at} {one.code}".replace("flows/f/", "") for one in found]


def test_no_flow(tmp_path: Path) -> None:
    assert flow_findings(tmp_path, tmp_path) == ()


def test_a_broken_file(check: Check) -> None:
    (found,) = check("nodes: [\n")

    assert (found.severity, found.at.path) == ("error", "flows/f/flow.dag.yaml")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tool.py": TOOL}, []),
        ({}, ["error flow.dag.yaml:7:30 missing-file"]),
        ({"tool.py/x": ""}, ["error flow.dag.yaml:7:30 missing-file"]),
        ({"tool.py": "def run(:\n"}, ["error flow.dag.yaml:7:30 python-syntax"]),
        ({"tool.py": "x = '\0'\n"}, ["error flow.dag.yaml:7:30 python-syntax"]),
        ({"tool.py": "# later\n"}, ["warning flow.dag.yaml:7:30 empty-source"]),
        ({"tool.py": "@tool\ndef run(txt): ...\n"}, [
            "warning flow.dag.yaml:8:3 flow-argument", "warning flow.dag.yaml:8:12 flow-argument",
        ]),
        ({"tool.py": "@tool\ndef run(text, more): ...\n"}, ["warning flow.dag.yaml:8:3 flow-argument"]),
        ({"tool.py": "@tool\ndef run(text, *, more=1): ...\n"}, []),
        ({"tool.py": "@tool\ndef run(**any): ...\n"}, []),
        ({"tool.py": "@tool\n@retry\ndef run(x): ...\n"}, []),
        ({"tool.py": "@tool\ndef run(x): ...\n@tool\ndef walk(y): ...\n"}, []),
        ({"tool.py": "class Run(ToolProvider):\n  @tool\n  def run(self, x): ...\n"}, []),
        ({"tool.py": TOOL, "flow.flex.yaml": "entry: tool:run\n"}, ["note flow.dag.yaml:2:1 flow-file"]),
    ],
)  # fmt: skip
def test_sources(check: Check, files: dict[str, str], expected: list[str]) -> None:
    assert said(check(FLOW, files)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./tool.py", []),
        ("../tool.py", ["warning flow.dag.yaml:7:30 flow-source-outside"]),
        ("lib/tool.py", []),
        ("lib/other.py", ["error flow.dag.yaml:7:30 missing-file"]),
        ("x" * 300, ["error flow.dag.yaml:7:30 missing-file"]),
    ],
)
def test_places_of_sources(check: Check, path: str, expected: list[str]) -> None:
    files = {"tool.py": TOOL, "../tool.py": TOOL, "../shared/lib/tool.py": TOOL}
    flow = f"{FLOW.replace('tool.py', path)}additional_includes: [../shared/lib]\n"

    assert said(check(flow, files)) == expected


@pytest.mark.parametrize(
    ("listed", "files", "expected"),
    [
        ("[../shared/tool.py]", {"../shared/tool.py": TOOL}, []),
        ("[../shared]", {"../shared/a.txt": "", "tool.py": TOOL}, []),
        ("[../nowhere]", {"tool.py": TOOL}, ["error flow.dag.yaml:9:23 missing-file"]),
        ("[../../../out.txt]", {"tool.py": TOOL, "../../../out.txt": ""}, ["error flow.dag.yaml:9:23 include-escape"]),
        ("[../shared/tool.py]", {"../shared/tool.py": TOOL, "tool.py": TOOL}, [
            "warning flow.dag.yaml:9:23 include-clash",
        ]),
        ("[../a/x, ../b/x]", {"tool.py": TOOL, "../a/x": "", "../b/x": ""}, [
            "warning flow.dag.yaml:9:31 include-clash",
        ]),
        ("[../a/x, ../a/x]", {"tool.py": TOOL, "../a/x": ""}, ["warning flow.dag.yaml:9:31 include-clash"]),
        ("[../g/flow.dag.yaml]", {"tool.py": TOOL, "../g/flow.dag.yaml": "nodes: []"}, [
            "error flow.dag.yaml:9:23 include-clash",
        ]),
        ("[../data.zip]", {"tool.py": TOOL, "../data/x": ""}, ["warning flow.dag.yaml:9:23 include-archive"]),
        ("[../data.zip]", {"tool.py": TOOL, "../data.zip": ""}, []),
        ("[../data.zip]", {"tool.py": TOOL, "../data": ""}, ["error flow.dag.yaml:9:23 missing-file"]),
        ("[7]", {"tool.py": TOOL}, ["error flow.dag.yaml:9:23 type"]),
        ("../x", {"tool.py": TOOL}, ["error flow.dag.yaml:9:22 type"]),
    ],
)  # fmt: skip
def test_includes(check: Check, listed: str, files: dict[str, str], expected: list[str]) -> None:
    assert said(check(f"{FLOW}additional_includes: {listed}\n", files)) == expected


def test_an_absolute_include_is_warned_of(check: Check, tmp_path: Path) -> None:
    (tmp_path / "x").touch()

    found = check(f"{FLOW}additional_includes: ['{tmp_path}/x']\n", {"tool.py": TOOL})

    assert said(found) == ["warning flow.dag.yaml:9:23 include-escape"]


def flow_with(include: str, path: str = "flow.dag.yaml") -> Node:
    return parse_documents(f"additional_includes: [{include}]\n", path)[0]


@pytest.mark.parametrize(
    ("marker", "include", "severities"),
    [
        (".git", "../x", []),
        (".git", "../../x", []),
        (".git", "../../../x", ["error"]),
        ("Pulumi.yaml", "../../x", []),
        ("Pulumi.yaml", "../../../x", ["error"]),
        ("README.md", "../x", []),
        ("README.md", "../../x", ["warning"]),
    ],
)
def test_the_project_is_the_repository(tmp_path: Path, marker: str, include: str, severities: list[str]) -> None:
    flow = tmp_path / "repository" / "flows" / "f"
    flow.mkdir(parents=True)
    for folder in (flow.parent, flow.parent.parent, tmp_path):
        (folder / "x").touch()
    (tmp_path / "repository" / marker).touch()

    # `root` is the flow's own folder, as for who calls the tool there: it says nothing of the project.
    assert [one.severity for one in includes(flow_with(include), flow)] == severities


def test_the_repository_counts_more_than_the_folder_of_the_call(tmp_path: Path) -> None:
    flow = tmp_path / "repository" / "project" / "f"
    flow.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / "project" / "Pulumi.yaml").touch()
    (tmp_path / "repository" / "x").touch()

    assert list(includes(flow_with("../../x", "f/flow.dag.yaml"), flow.parent)) == []


@pytest.mark.parametrize(
    ("environment", "files", "expected"),
    [
        ("{python_requirements_txt: needs.txt}", {"needs.txt": "numpy\n"}, []),
        ("{python_requirements_txt: needs.txt}", {}, ["error flow.dag.yaml:9:40 missing-file"]),
        ("{python_requirements_txt: requirements.txt}", {}, ["warning flow.dag.yaml:9:40 missing-file"]),
        ("{image: my.azurecr.io/a:1}", {}, []),
        ("{image: my.azurecr.io/a:1}", {"requirements.txt": "promptflow==1.0\n"}, [
            "error requirements.txt:1:1 pinned-runtime",
        ]),
        ("{conda_file: conda.yaml, setup_sh: setup.sh}", {"conda.yaml": "", "setup.sh": ""}, []),
        ("{conda_file: conda.yaml, setup_sh: setup.sh}", {}, [
            "warning flow.dag.yaml:9:27 missing-file", "warning flow.dag.yaml:9:49 missing-file",
        ]),
    ],
)  # fmt: skip
def test_environments(check: Check, environment: str, files: dict[str, str], expected: list[str]) -> None:
    assert said(check(f"{FLOW}environment: {environment}\n", {"tool.py": TOOL, **files})) == expected


def test_requirements_brought_by_an_include(check: Check) -> None:
    flow = f"{FLOW}environment: {{python_requirements_txt: needs.txt}}\nadditional_includes: [../needs.txt]\n"

    (found,) = check(flow, {"tool.py": TOOL, "../needs.txt": "# ours\nnumpy==\n"})

    assert (str(found.at), found.code) == ("flows/needs.txt:2:1", "requirement")


WRITTEN = st.text(max_size=20) | st.sampled_from(["x" * 300, "\0", "..", ".", "/", "~", "../" * 40, "a/../..", "C:\\x"])


@given(WRITTEN, WRITTEN, WRITTEN)
def test_any_path_gives_a_result(
    tmp_path_factory: pytest.TempPathFactory, source: str, include: str, needs: str
) -> None:
    folder = tmp_path_factory.mktemp("flow")
    flow = {
        "nodes": [{"name": "a", "type": "python", "source": {"path": source}}],
        "additional_includes": [include],
        "environment": {"python_requirements_txt": needs},
    }
    (folder / "flow.dag.yaml").write_text(json.dumps(flow), encoding="utf-8")
    (folder / "requirements.txt").write_text(f"-r {needs}\n{needs}\n", encoding="utf-8")

    assert all(one.message for one in flow_findings(folder, folder.parent))


@given(WRITTEN, WRITTEN, WRITTEN)
def test_any_entry_gives_a_result(tmp_path_factory: pytest.TempPathFactory, entry: str, code: str, sample: str) -> None:
    folder = tmp_path_factory.mktemp("flow")
    flow = {"entry": f"{entry}:x", "code": code, "sample": f"${{file:{sample}}}"}
    (folder / "flow.flex.yaml").write_text(json.dumps(flow), encoding="utf-8")

    assert all(one.message for one in flow_findings(folder, folder.parent))

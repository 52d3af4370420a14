"""Which specifications a changed file is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.spec.affected import affected, documents_below

Project = Callable[[Mapping[str, str]], Path]

BLUE = "name: blue\nendpoint_name: qa\nmodel: azureml:shelf:1\nenvironment: azureml:reading:1\ninstance_count: 1\n"
FILES = {
    "endpoints/qa/endpoint.yaml": "name: qa\nauth_mode: key\n",
    "endpoints/qa/blue.yaml": BLUE + "code_configuration: {code: ../../src, scoring_script: score.py}\n",
    "endpoints/qa/green.yaml": "name: green\nendpoint_name: qa\nmodel: {path: ../../flows/qa}\ninstance_count: 1\n",
    "endpoints/zoo/endpoint.yaml": "name: zoo\nauth_mode: key\n",
    "models/shelf.yaml": "name: shelf\nversion: 1\ntype: custom_model\npath: ../weights\n",
    "environments/reading.yaml": "name: reading\nimage: i:1\nconda_file: ../conda.yaml\n",
    "flows/qa/flow.dag.yaml": "inputs: {}\noutputs: {}\nnodes: []\nadditional_includes: [../../shared/tools.py]\n",
    "conda.yaml": "dependencies: [pip]\n",
    "notes.yaml": "shopping: [milk]\n",
    "broken.yaml": "a: [\n",
    "src/score.py": "",
    "weights/w.bin": "",
    "shared/tools.py": "",
    "shared/other.py": "",
    ".venv/endpoint.yaml": "name: hidden\nauth_mode: key\n",
}
QA = {"endpoints/qa/endpoint.yaml"}
BLUE_S = {*QA, "endpoints/qa/blue.yaml"}
GREEN_S = {*QA, "endpoints/qa/green.yaml"}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ("endpoints/qa/blue.yaml", BLUE_S),
        ("endpoints/qa/endpoint.yaml", BLUE_S | GREEN_S),
        ("endpoints/zoo/endpoint.yaml", {"endpoints/zoo/endpoint.yaml"}),
        ("src/score.py", BLUE_S),
        ("weights/w.bin", {*BLUE_S, "models/shelf.yaml"}),
        ("models/shelf.yaml", {*BLUE_S, "models/shelf.yaml"}),
        ("conda.yaml", {*BLUE_S, "environments/reading.yaml"}),
        ("flows/qa/flow.dag.yaml", {*GREEN_S, "flows/qa/flow.dag.yaml"}),
        ("flows/qa/new_tool.py", GREEN_S),
        ("shared/tools.py", {*GREEN_S, "flows/qa/flow.dag.yaml"}),
        ("shared/other.py", set()),
        ("notes.yaml", set()),
        ("broken.yaml", set()),
        ("elsewhere.py", set()),
    ],
)
def test_what_a_change_is_about(project: Project, changed: str, found: set[str]) -> None:
    root = project(FILES)
    told = affected(tuple(documents_below(root)), [root / changed], root)
    assert {path.relative_to(root).as_posix() for path in told} == found


def test_several_changes_are_the_changes_together(project: Project) -> None:
    root = project(FILES)
    documents = tuple(documents_below(root))
    one, other = root / "src/score.py", root / "shared/tools.py"
    assert affected(documents, [one, other], root) == affected(documents, [one], root) | affected(
        documents, [other], root
    )
    assert affected(documents, [], root) == frozenset()


def test_who_names_what_a_change_has_renamed(project: Project) -> None:
    root = project({
        "a.yaml": "name: renamed\nauth_mode: key\n",
        "blue.yaml": "name: blue\nendpoint_name: old\ninstance_count: 1\n",
        "green.yaml": "name: green\nendpoint_name: zoo\ninstance_count: 1\n",
        "zoo.yaml": "name: zoo\nauth_mode: key\ntraffic: {gone: 100}\n",
    })  # fmt: skip
    documents = tuple(documents_below(root))

    def about(name: str) -> set[str]:
        return {path.name for path in affected(documents, [root / name], root)}

    assert about("a.yaml") == {"a.yaml", "blue.yaml"}
    assert about("blue.yaml") == {"blue.yaml", "zoo.yaml"}

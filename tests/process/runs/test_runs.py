"""Runs of real flows and evaluations of them, with prompt flow's own engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from projects import Project

pytestmark = pytest.mark.process


def outputs(project: Project, run: str) -> list[dict[str, object]]:
    text = (project.root / ".sluice" / "runs" / run / "outputs.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(("name", "accuracy"), [("blue", 0.6522), ("green", 0.9565)])
def test_an_evaluation_scores_what_the_flow_answered(library: Project, name: str, accuracy: float) -> None:
    assert [one["line_number"] for one in outputs(library, name)] == list(range(23))
    metrics = json.loads(library.must("run", "metrics", f"eval-{name}", "--json"))
    assert metrics["metrics"]["accuracy"] == accuracy
    assert metrics["means"]["correct"]["mean"] == pytest.approx(accuracy, abs=1e-4)


def test_the_better_flow_is_told_and_gates_say_so_by_their_exit_status(library: Project) -> None:
    found = json.loads(library.must("eval", "compare", "eval-blue", "eval-green", "--json"))
    assert {one["metric"]: one["says"] for one in found["metrics"]}["relevance"] == "higher"
    gate = ("--metric", "relevance", "--max-drop", "0.1")
    assert library.call("eval", "gate", "eval-green", "--baseline", "eval-blue", *gate).returncode == 0
    assert library.call("eval", "gate", "eval-blue", "--baseline", "eval-green", *gate).returncode == 1
    unsure = library.call("eval", "gate", "eval-green", "--metric", "correct", "--at-least", "0.9", "--json")
    assert (unsure.returncode, json.loads(unsure.stdout)["verdict"]) == (3, "inconclusive")


def test_a_run_is_listed_shown_and_archived(library: Project) -> None:
    shown = json.loads(library.must("run", "show", "eval-green"))
    assert (shown["base"], shown["status"], shown["lines"]["completed"]) == ("green", "completed", 23)
    worst = json.loads(library.must("run", "details", "eval-green", "--worst", "1", "--metric", "relevance", "--json"))
    assert worst["lines"][0]["line"] == 21
    assert "line 0: " in library.must("run", "stream", "green")
    page = library.root / "page.html"
    library.must("run", "visualize", "eval-blue", "eval-green", "--output", str(page))
    assert "eval-green: relevance" in page.read_text()
    library.must("run", "archive", "eval-green")
    names = {one["name"] for one in json.loads(library.must("run", "list", "--json"))["runs"]}
    assert "eval-green" not in names
    assert "eval-blue" in names
    library.must("run", "archive", "eval-green", "--restore")


def test_what_the_data_or_the_base_run_lacks_is_refused_with_the_nearest_name(library: Project) -> None:
    wrong = library.call(
        "run", "create", "-f", "evaluations/run.yml", "--set", "column_mapping.question=${data.qestion}"
    )
    assert wrong.returncode == 1
    assert "Did you mean `question`?" in wrong.stderr
    wrong = library.call(
        "run", "create", "-f", "evaluations/run_evaluation.yml", "--run", "blue",
        "--set", "column_mapping.answer=${run.outputs.anwser}",
    )  # fmt: skip
    assert wrong.returncode == 1
    assert "Did you mean `answer`?" in wrong.stderr
    wrong = library.call("run", "create", "-f", "evaluations/run_evaluation.yml", "--run", "blu")
    assert "run blu does not exist" in wrong.stderr


def test_a_model_is_what_was_run_though_the_flow_has_changed_since(library: Project) -> None:
    library.must("model", "create", "--run", "blue", "--name", "same")
    assert "path: ../flows/qa-blue" in (library.root / "models/same.yaml").read_text()
    source = library.root / "flows/qa-blue/answer.py"
    before = source.read_text()
    source.write_text("raise SystemExit\n")
    try:
        library.must("model", "create", "--run", "blue", "--name", "measured", "--version", "2")
    finally:
        source.write_text(before)
    assert (library.root / "models/measured-2/answer.py").read_text() == before
    assert "path: measured-2" in (library.root / "models/measured.yaml").read_text()
    library.must("validate", "models/measured.yaml", "models/same.yaml")


def test_a_run_of_a_variant_with_csv_and_variables(library: Project) -> None:
    library.write(
        "flows/greet/flow.dag.yaml",
        """
inputs:
  name: {type: string}
  times: {type: int}
outputs:
  said: {type: string, reference: "${greet.output}"}
nodes:
- {name: greet, use_variants: true}
node_variants:
  greet:
    default_variant_id: hello
    variants:
      hello: {node: &node {type: python, source: {type: code, path: greet.py}, inputs: {
        word: hello, name: "${inputs.name}", times: "${inputs.times}"}}}
      bye: {node: {<<: *node, inputs: {word: bye, name: "${inputs.name}", times: "${inputs.times}"}}}
""",
    )
    library.write(
        "flows/greet/greet.py",
        "import os\nfrom promptflow.core import tool\n\n\n@tool\ndef greet(word: str, name: str, times: int) -> str:\n"
        "    return f'{word * times} {name}{os.environ[\"MARK\"]}'\n",
    )
    library.write("people.csv", 'name,times\n"Ada, L.",2\n')
    library.write(
        "greet.yml", "flow: flows/greet\ndata: people.csv\nvariant: ${greet.bye}\nenvironment_variables: {MARK: '!'}\n"
    )
    library.must("run", "create", "-f", "greet.yml", "--name", "bye")
    assert outputs(library, "bye") == [{"line_number": 0, "said": "byebye Ada, L.!"}]
    library.must("run", "create", "-f", "greet.yml", "--name", "hello", "--set", "variant=${greet.hello}")
    assert outputs(library, "hello") == [{"line_number": 0, "said": "hellohello Ada, L.!"}]


def test_a_flow_that_can_not_be_loaded_fails_the_run_with_its_reason(library: Project, tmp_path: Path) -> None:
    shutil.copytree(library.root / "flows/qa-blue", library.root / "flows/broken")
    (library.root / "flows/broken/answer.py").write_text("import nowhere_to_be_found\n")
    done = library.call(
        "run", "create", "-f", "evaluations/run.yml", "--set", "flow=../flows/broken", "--name", "broken"
    )
    assert done.returncode == 1
    assert "No module named 'nowhere_to_be_found'" in done.stderr
    assert json.loads(library.must("run", "show", "broken"))["status"] == "failed"

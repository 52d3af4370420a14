"""A flow, a scoring script and an MLflow model behind one endpoint, and the move from one server to another."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from projects import QUESTION, Load, Project, lent

pytestmark = [pytest.mark.process, pytest.mark.engine]

FILES = {
    "scoring/score.py": """
import json
import os

from helper import shout

answers = {}


def init():
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "answers", "answers.json")) as file:
        answers.update(json.load(file))


def run(data):
    import rank_bm25

    return {"answer": shout(answers[json.loads(data)["question"]]), "source": rank_bm25.__name__}
""",
    "scoring/helper.py": "def shout(text):\n    return text.upper()\n",
    "answers/answers.json": '{"When is the story hour?": "on saturdays"}',
    "environments/conda.yaml": """
name: scoring
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - rank-bm25==0.2.2
""",
    "models/answers.yaml": "name: answers\nversion: '1'\npath: ../answers\n",
    "environments/scoring.yaml": """
name: scoring
version: "3"
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
conda_file: conda.yaml
""",
    "endpoints/qa/green.yaml": """
name: green
endpoint_name: question-answering
model: azureml:answers:1
environment: azureml:scoring@latest
code_configuration:
  code: ../../scoring
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  max_concurrent_requests_per_instance: 10
""",
    # What mlflow.pyfunc.save_model(loader_module=..., code_paths=...) writes, made without MLflow.
    "doubler/MLmodel": """
flavors:
  python_function:
    loader_module: doubler
    code: code
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
""",
    "doubler/requirements.txt": "rank-bm25==0.2.2\n",
    "doubler/code/doubler.py": """
import rank_bm25


class Doubler:
    def predict(self, table):
        return [2 * value for value in table["x"]]


def _load_pyfunc(path):
    return Doubler()
""",
    "models/doubler.yaml": "name: doubler\nversion: '1'\npath: ../doubler\ntype: mlflow_model\n",
    "endpoints/qa/gold.yaml": """
name: gold
endpoint_name: question-answering
model: azureml:doubler:1
instance_type: Standard_DS3_v2
instance_count: 1
""",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An endpoint with a deployment for each server, up; blue, the flow, has all traffic."""
    with lent(tmp_path_factory.mktemp("servers") / "p") as project:
        for name, text in FILES.items():
            project.write(name, text.lstrip())
        project.must("up", "--yes")
        yield project


def test_a_scoring_script_answers_with_its_model_and_its_packages(library: Project) -> None:
    answer = json.loads(library.must("invoke", "-d", "green", QUESTION))

    assert answer == {"answer": "ON SATURDAYS", "source": "rank_bm25"}


def test_an_mlflow_model_answers_with_the_packages_it_names(library: Project) -> None:
    answer = json.loads(library.must("invoke", "-d", "gold", '{"dataframe_split": {"columns": ["x"], "data": [[4]]}}'))

    assert answer == {"predictions": [8]}


def test_nothing_is_left_to_change(library: Project) -> None:
    done = library.call("preview", "--expect-no-changes")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_move_from_a_flow_to_a_scoring_script_loses_no_request(library: Project) -> None:
    with Load(library.port(), library.key()) as load:
        for weights in (("blue=50", "green=50"), ("blue=0", "green=100"), ("blue=100", "green=0")):
            library.must("traffic", "set", *weights, "--yes")

    assert load.failed == []
    assert set(load.answered) == {"blue", "green"}


def test_a_changed_script_is_swapped_under_load(library: Project) -> None:
    """The code is a version by its content: no number has to be raised."""
    library.must("traffic", "set", "green=100", "--yes")
    library.edit("scoring/helper.py", "upper", "title")

    with Load(library.port(), library.key()) as load:
        library.must("up", "--yes")

    assert load.failed == []
    assert set(load.answered) == {"green"}
    assert library.score().json()["answer"] == "On Saturdays"


def test_one_name_may_change_its_server_under_load(library: Project) -> None:
    """Blue was a flow and becomes a scoring script, in place."""
    library.must("traffic", "set", "blue=100", "--yes")
    library.write("endpoints/qa/blue.yaml", FILES["endpoints/qa/green.yaml"].replace("green", "blue"))

    with Load(library.port(), library.key()) as load:
        library.must("up", "--yes")

    assert load.failed == []
    assert set(load.answered) == {"blue"}
    assert library.score().json()["answer"] == "On Saturdays"


def test_a_script_that_does_not_start_leaves_what_serves(library: Project) -> None:
    before = library.deployment("green")["replicas"]
    library.edit("scoring/score.py", "answers.json", "nowhere.json")

    done = library.call("up", "--yes")

    assert done.returncode == 1
    assert "nowhere.json" in done.stderr
    assert "last log lines" in done.stderr
    assert library.deployment("green")["replicas"] == before
    assert library.score().json()["answer"] == "On Saturdays"

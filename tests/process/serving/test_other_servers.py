"""Scoring scripts behind Azure ML's inference server, MLflow models behind MLflow's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sluice.plan.servers import ServerKind

pytestmark = pytest.mark.process

SCRIPT = """
import json
import os

from helper import double

factor = 0


def init():
    global factor
    factor = json.loads(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.json")).read())["factor"]


def run(data):
    return {"doubled": [double(value) * factor for value in json.loads(data)["data"]]}
"""
SAVE_MODEL = """
import sys

import mlflow.pyfunc


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input["x"]]


mlflow.pyfunc.save_model(sys.argv[1], python_model=Doubler(), pip_requirements=[])
"""
Start = Callable[..., Any]
BuildEnvironment = Callable[..., Path]
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def scoring_code(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    code.mkdir()
    (code / "score.py").write_text(SCRIPT)
    (code / "helper.py").write_text("def double(value):\n    return 2 * value\n")
    return code


def test_a_scoring_script_answers_with_its_model(
    start: Start, python_of: BuildEnvironment, scoring_code: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.json").write_text('{"factor": 10}')

    server = start(
        ServerKind.SCORING_SCRIPT,
        python_of(ServerKind.SCORING_SCRIPT),
        scoring_code,
        scoring_script="score.py",
        model_dir=tmp_path,
    )

    assert server.score({"data": [1, 2]}).json() == {"doubled": [20, 40]}
    assert listening_addresses(server.process.pid) == {f"127.0.0.1:{server.port}"}
    assert server.stop() == 0


def test_a_scoring_script_that_fails_to_start_says_why(
    start: Start, python_of: BuildEnvironment, scoring_code: Path, tmp_path: Path
) -> None:
    server = start(
        ServerKind.SCORING_SCRIPT,
        python_of(ServerKind.SCORING_SCRIPT),
        scoring_code,
        scoring_script="score.py",
        model_dir=tmp_path,
        healthy=False,
    )

    assert server.process.wait(60) != 0
    assert "model.json" in server.words()


def test_an_mlflow_model_answers(start: Start, python_of: BuildEnvironment, tmp_path: Path) -> None:
    python = python_of(ServerKind.MLFLOW)
    model = tmp_path / "model"
    (tmp_path / "save.py").write_text(SAVE_MODEL)
    subprocess.run([python, "save.py", model], cwd=tmp_path, check=True, capture_output=True)

    server = start(ServerKind.MLFLOW, python, model)

    answer = server.score({"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}})
    assert answer.json() == {"predictions": [2, 4]}
    assert listening_addresses(server.process.pid) == {f"127.0.0.1:{server.port}"}


def test_the_example_of_a_scoring_script_answers(start: Start, python_of: BuildEnvironment) -> None:
    example = EXAMPLES / "scoring-script"

    server = start(
        ServerKind.SCORING_SCRIPT,
        python_of(ServerKind.SCORING_SCRIPT, "rank-bm25==0.2.2"),
        example / "scoring",
        scoring_script="score.py",
        model_dir=example,  # in which the model's own folder lies
    )

    answer = server.score(json.loads((example / "sample-request.json").read_text())).json()
    assert answer == {"books": ["The Lamp at Pier Nine", "The Clockmaker's Alibi"]}


def test_the_example_of_an_mlflow_model_answers(start: Start, python_of: BuildEnvironment) -> None:
    example = EXAMPLES / "mlflow-model"

    server = start(ServerKind.MLFLOW, python_of(ServerKind.MLFLOW), example / "visitors")

    answer = server.score(json.loads((example / "sample-request.json").read_text())).json()
    assert answer == {"predictions": [210, 160, 0]}


def listening_addresses(pid: int) -> set[str]:
    """Return the addresses on which a process listens, from the kernel's tables."""
    own: set[str] = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # a connection that was closed this moment
            own.add(str(link.readlink()))
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return {readable(row[1]) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own}


def readable(address: str) -> str:
    host, _, port = address.partition(":")
    octets = [str(int(host[i : i + 2], 16)) for i in (6, 4, 2, 0)] if len(host) == 8 else [host]
    return f"{'.'.join(octets)}:{int(port, 16)}"

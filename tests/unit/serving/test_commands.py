"""How servers are started, as values."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SpecError
from sluice.plan.servers import ServerKind
from sluice.targets.local.serving.commands import (
    KEEP_ALIVE_SECONDS,
    PATHS,
    Command,
    Replica,
    flow_workers,
    paths_of,
    positive_number,
    server_command,
)

GATEWAY_IDLE_SECONDS = 60


def replica(**env: str) -> Replica:
    return Replica(
        python=Path("/venv/bin/python"),
        folder=Path("/models/abc"),
        port=4711,
        home=Path("/replicas/one"),
        cores=4,
        env=env,
        model_dir=Path("/models/abc"),
        scoring_script="score.py",
        connections=Path("/replicas/one/connections.json"),
    )


def options(command: Command) -> dict[str, str]:
    pairs = (argument[2:].partition("=") for argument in command.argv if argument.startswith("--"))
    return {name: value for name, _, value in pairs}


def test_a_flow_is_served_as_prompt_flows_container_does() -> None:
    command = server_command(ServerKind.FLOW, replica())

    assert options(command) == {
        "folder": "/models/abc",
        "host": "127.0.0.1",
        "port": "4711",
        "engine": "flask",
        "workers": "4",
        "threads": "1",
    }
    assert command.argv[:2] == ("/venv/bin/python", command.argv[1])
    assert Path(command.argv[1]).is_file()
    assert (command.health_path, command.score_path) == ("/health", "/score")
    assert command.cwd == Path("/models/abc")


def test_a_flow_finds_its_connections_its_home_and_its_model() -> None:
    command = server_command(ServerKind.FLOW, replica(GREETING="hello"))

    assert command.env["SLUICE_CONNECTIONS"] == "/replicas/one/connections.json"
    assert command.env["PF_HOME_DIRECTORY"] == "/replicas/one"
    assert command.env["AZUREML_MODEL_DIR"] == "/models/abc"
    assert command.env["GREETING"] == "hello"


def test_a_flow_is_served_with_the_engine_and_the_concurrency_it_asks_for() -> None:
    env = {
        "PROMPTFLOW_SERVING_ENGINE": "fastapi",
        "PROMPTFLOW_WORKER_NUM": "3",
        "PROMPTFLOW_WORKER_THREADS": "2",
    }

    asked = options(server_command(ServerKind.FLOW, replica(**env)))

    assert (asked["engine"], asked["workers"], asked["threads"]) == ("fastapi", "3", "2")


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError, match="'gevent'") as refused:
        server_command(ServerKind.FLOW, replica(PROMPTFLOW_SERVING_ENGINE="gevent"))

    assert "flask or fastapi" in refused.value.remedy


def test_a_scoring_script_is_served_by_azure_mls_server() -> None:
    command = server_command(ServerKind.SCORING_SCRIPT, replica(WORKER_COUNT="2"))

    assert options(command) == {"entry_script": "/models/abc/score.py", "port": "4711", "worker_count": "2"}
    assert Path(command.argv[1]).is_file()
    assert command.env["AZUREML_MODEL_DIR"] == "/models/abc"
    assert (command.health_path, command.score_path) == ("/", "/score")


def test_an_mlflow_model_is_served_on_loopback_without_telemetry() -> None:
    command = server_command(ServerKind.MLFLOW, replica())

    assert options(command) == {
        "host": "127.0.0.1",
        "port": "4711",
        "workers": "1",
        "timeout-keep-alive": str(KEEP_ALIVE_SECONDS),
    }
    assert command.env["__pyfunc_model_path__"] == "file:///models/abc"
    assert command.env["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert command.score_path == "/invocations"


def test_a_server_keeps_a_connection_longer_than_the_gateway_does() -> None:
    assert KEEP_ALIVE_SECONDS > GATEWAY_IDLE_SECONDS


@pytest.mark.parametrize("kind", PATHS)
def test_the_paths_of_a_kind_are_those_of_its_command(kind: ServerKind) -> None:
    command = server_command(kind, replica())

    assert paths_of(kind) == (command.health_path, command.score_path)


@pytest.mark.parametrize("kind", PATHS)
def test_a_secret_variable_stays_out_of_the_arguments_and_of_repr(kind: ServerKind) -> None:
    command = server_command(kind, replica(API_KEY="s3cr3t-value"))

    assert command.env["API_KEY"] == "s3cr3t-value"
    assert "s3cr3t-value" not in " ".join(command.argv)
    assert "s3cr3t-value" not in repr(command)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "²", "1e3"])
def test_a_number_of_workers_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(SpecError, match="PROMPTFLOW_WORKER_NUM"):
        server_command(ServerKind.FLOW, replica(PROMPTFLOW_WORKER_NUM=text))


@given(st.integers(1, 10_000), st.integers(1, 256))
def test_workers_are_what_was_asked_up_to_two_a_core(asked: int, cores: int) -> None:
    workers = flow_workers({"PROMPTFLOW_WORKER_NUM": str(asked)}, cores)

    assert workers == asked if asked <= 2 * cores else workers == 2 * cores


@given(st.integers(1, 256))
def test_without_a_word_there_is_one_worker_a_core(cores: int) -> None:
    assert flow_workers({}, cores) == cores


@given(st.text())
def test_any_text_is_a_number_above_zero_or_refused(text: str) -> None:
    with suppress(SpecError):
        assert positive_number({"N": text}, "N", 1) >= 1

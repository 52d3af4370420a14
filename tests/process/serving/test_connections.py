"""The chat flow and its connection: granted, overridden, streamed and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

CHAT = Path(__file__).parents[3] / "examples" / "chat" / "flows" / "chat"
HISTORY = [{"inputs": {"question": "Where am I?"}, "outputs": {"answer": "In Millbrook."}}]
REQUEST = {"question": "And the mill?", "chat_history": HISTORY}
ANSWER = {"answer": "You asked: And the mill? (1 turns before)"}
WORKSPACE = "deployment.subscription_id=s,deployment.resource_group=g,deployment.workspace_name=w"
NOWHERE = "http://127.0.0.1:1/v1"
StartFlow = Callable[..., Any]


@pytest.mark.parametrize("engine", ["flask", "fastapi"])
def test_a_flow_calls_its_model_through_the_connection_it_was_granted(
    start_flow: StartFlow, chat_connection: dict[str, Any], engine: str
) -> None:
    server = start_flow(CHAT, connections={"chat_model": chat_connection}, env={"PROMPTFLOW_SERVING_ENGINE": engine})

    answer = server.score(REQUEST)

    assert (answer.status, answer.json()) == (200, ANSWER)
    assert chat_connection["secrets"]["api_key"] not in server.words()


def test_a_wrong_key_is_an_error_of_the_request(start_flow: StartFlow, chat_connection: dict[str, Any]) -> None:
    wrong = {**chat_connection, "secrets": {"api_key": "wrong"}}

    answer = start_flow(CHAT, connections={"chat_model": wrong}).score(REQUEST)

    assert answer.status >= 400
    assert "Incorrect API key" in answer.body


def test_a_variable_replaces_one_field_of_the_connection(
    start_flow: StartFlow, chat_connection: dict[str, Any], chat_model: str
) -> None:
    elsewhere = {**chat_connection, "configs": {"base_url": NOWHERE}}

    server = start_flow(CHAT, connections={"chat_model": elsewhere}, env={"CHAT_MODEL_BASE_URL": chat_model})

    assert server.score(REQUEST).json() == ANSWER


@pytest.mark.parametrize("value", ["other", "${{azureml://connections/other}}"])
def test_a_variable_with_the_connections_name_sends_it_to_another(
    start_flow: StartFlow, chat_connection: dict[str, Any], value: str
) -> None:
    server = start_flow(CHAT, connections={"other": chat_connection}, env={"chat_model": value})

    assert server.score(REQUEST).json() == ANSWER


def test_an_override_that_planning_resolved_stands_under_the_flows_name(
    start_flow: StartFlow, chat_connection: dict[str, Any]
) -> None:
    server = start_flow(
        CHAT,
        connections={"chat_model": chat_connection},
        env={"chat_model": "${{azureml://connections/other}}"},
    )

    assert server.score(REQUEST).json() == ANSWER


def test_a_variable_may_hold_a_field_of_a_connection(
    start_flow: StartFlow, chat_connection: dict[str, Any], chat_model: str
) -> None:
    """Prompt flow's own `${connection.field}` in environment variables."""
    elsewhere = {**chat_connection, "configs": {"base_url": "${env:MODEL_URL}"}}

    server = start_flow(CHAT, connections={"chat_model": elsewhere}, env={"MODEL_URL": chat_model})

    assert server.score(REQUEST).json() == ANSWER


@pytest.mark.parametrize("granted", [None, {}, {"other": {"type": "open_ai", "secrets": {"api_key": "k"}}}])
def test_a_connection_that_was_not_granted_is_named_at_the_start(
    start_flow: StartFlow, granted: dict[str, Any] | None
) -> None:
    server = start_flow(CHAT, connections=granted, healthy=False)

    assert server.process.wait(60) != 0
    assert "the flow uses connection 'chat_model'; this deployment was not granted it" in server.words()


def test_a_type_prompt_flow_does_not_know_is_named_at_the_start(start_flow: StartFlow) -> None:
    server = start_flow(CHAT, connections={"chat_model": {"type": "telegraph"}}, healthy=False)

    assert server.process.wait(60) != 0
    assert "'telegraph'" in server.words()


def test_a_stranger_to_prompt_flow_types_custom_connections_too(
    start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "flow.dag.yaml").write_text(CUSTOM_FLOW)
    (tmp_path / "tell.py").write_text(CUSTOM_NODE)
    custom = {"type": "custom", "configs": {"region": "north"}, "secrets": {"token": "t0k3n"}}

    server = start_flow(tmp_path, connections={"depot": custom}, env={"DEPOT_REGION": "south"})

    assert server.score({"salt": "s"}).json() == {"told": "south t0k3n"}


CUSTOM_FLOW = """
inputs:
  salt: {type: string}
outputs:
  told: {type: string, reference: "${tell.output}"}
nodes:
- name: tell
  type: python
  source: {type: code, path: tell.py}
  inputs: {depot: depot, salt: "${inputs.salt}"}
"""
CUSTOM_NODE = """
from promptflow.connections import CustomConnection
from promptflow.core import tool


@tool
def tell(depot: CustomConnection, salt: str) -> str:
    return f"{depot.configs['region']} {depot.secrets['token']}"
"""

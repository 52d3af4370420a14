"""The stand-in for a language model, and what prompt flow makes of it: LLM nodes and streams."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.process

StartFlow = Callable[..., Any]
ASK = [{"role": "user", "content": "And the mill?"}]
KEY = "k-0123456789-chat"

LLM_FLOW = {
    "flow.dag.yaml": """
inputs:
  question: {type: string}
outputs:
  answer: {type: string, reference: "${say.output}"}
nodes:
- name: say
  type: llm
  source: {type: code, path: say.jinja2}
  inputs: {deployment_name: town-guide, model: town-guide, question: "${inputs.question}"}
  connection: chat_model
  api: chat
""",
    "say.jinja2": "# system:\nBe brief.\n\n# user:\n{{question}}\n",
}
STREAM_FLOW = {
    "flow.dag.yaml": """
inputs:
  question: {type: string, is_chat_input: true}
  chat_history: {type: list, default: [], is_chat_history: true}
outputs:
  answer: {type: string, reference: "${say.output}", is_chat_output: true}
nodes:
- name: say
  type: python
  source: {type: code, path: say.py}
  inputs: {connection: chat_model, question: "${inputs.question}"}
""",
    "say.py": """
from openai import OpenAI
from promptflow.connections import OpenAIConnection
from promptflow.core import tool


@tool
def say(connection: OpenAIConnection, question: str) -> str:
    client = OpenAI(api_key=connection.api_key, base_url=connection.base_url)
    messages = [{"role": "user", "content": question}]
    for piece in client.chat.completions.create(model="town-guide", messages=messages, stream=True):
        yield piece.choices[0].delta.content or ""
""",
}


def ask(base_url: str, content: dict[str, Any], key: str = KEY) -> tuple[int, str]:
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", f"{address.path}/chat/completions", json.dumps(content), headers)
    response = connection.getresponse()
    status, body = response.status, response.read().decode()
    connection.close()
    return status, body


def content_of(body: str) -> str:
    return str(json.loads(body)["choices"][0]["message"]["content"])


def test_the_model_answers_who_shows_the_key(chat_model: str) -> None:
    status, body = ask(chat_model, {"model": "m", "messages": ASK})

    assert (status, content_of(body)) == (200, "You asked: And the mill? (0 turns before)")
    assert ask(chat_model, {"model": "m", "messages": ASK}, key="other")[0] == 401


def test_a_stream_holds_the_same_answer(chat_model: str) -> None:
    _, body = ask(chat_model, {"model": "m", "messages": ASK, "stream": True})

    events = [line.removeprefix("data: ") for line in body.splitlines() if line]
    pieces = [json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]]
    assert events[-1] == "[DONE]"
    assert "".join(pieces) == "You asked: And the mill? (0 turns before)"


def test_noise_is_the_same_for_the_same_seed(noisy_chat_model: Callable[[int], str]) -> None:
    request = {"model": "m", "messages": ASK}
    first, same, other = (content_of(ask(noisy_chat_model(seed), request)[1]) for seed in (1, 1, 2))

    assert first == same
    assert first != other


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_an_llm_node_answers(start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path) -> None:
    server = start_flow(write(tmp_path, LLM_FLOW), connections={"chat_model": chat_connection})

    answer = server.score({"question": "And the mill?"})

    assert answer.json() == {"answer": "You asked: And the mill? (0 turns before)"}


@pytest.mark.parametrize("engine", ["flask", "fastapi"])
def test_an_answer_streams_to_who_accepts_events(
    start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path, engine: str
) -> None:
    flow = write(tmp_path, STREAM_FLOW)
    env = {"PROMPTFLOW_SERVING_ENGINE": engine}
    server = start_flow(flow, connections={"chat_model": chat_connection}, env=env)

    streamed = server.score({"question": "And the mill?"}, accept="text/event-stream")
    whole = server.score({"question": "And the mill?"})

    events = [json.loads(line.removeprefix("data: ")) for line in streamed.body.splitlines() if line]
    assert len(events) > 3
    assert "".join(event["answer"] for event in events) == whole.json()["answer"]

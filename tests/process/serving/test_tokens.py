"""What an answer cost in tokens, told in its header by prompt flow's own count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

StartFlow = Callable[..., Any]

# Either asks the model; the stand-in counts words: its answer's, and the question's.
ASK = """
from openai import OpenAI
from promptflow.connections import OpenAIConnection
from promptflow.core import tool


@tool
def say(connection: OpenAIConnection, question: str, stream: bool = False):
    client = OpenAI(api_key=connection.api_key, base_url=connection.base_url)
    messages = [{"role": "user", "content": question}]
    answer = client.chat.completions.create(model="town-guide", messages=messages, stream=stream)
    return (piece.choices[0].delta.content or "" for piece in answer) if stream else answer.choices[0].message.content
"""
FLOW = """
inputs:
  question: {type: string}
outputs:
  answer: {type: string, reference: "${say.output}"}
nodes:
- name: say
  type: python
  source: {type: code, path: say.py}
  inputs: {connection: chat_model, question: "${inputs.question}"}
"""
PLAIN = """
inputs:
  question: {type: string}
outputs:
  answer: {type: string, reference: "${say.output}"}
nodes:
- name: say
  type: python
  source: {type: code, path: say.py}
  inputs: {question: "${inputs.question}"}
"""
FLEX = """
from dataclasses import dataclass

from openai import OpenAI


@dataclass
class Answer:
    answer: str


def say(question: str) -> Answer:
    client = OpenAI(api_key="k-0123456789-chat", base_url="BASE_URL")
    messages = [{"role": "user", "content": question}]
    answer = client.chat.completions.create(model="town-guide", messages=messages)
    return Answer(answer.choices[0].message.content)
"""
TRACED = {"PF_DISABLE_TRACING": "false"}
QUESTION = {"question": "And the mill?"}
COST = "11"  # three words, and "You asked: And the mill? (0 turns before)"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def cost(answer: Any) -> str | None:
    return next((value for name, value in answer.headers.items() if name.lower() == "x-sluice-tokens"), None)


@pytest.mark.parametrize("engine", ["flask", "fastapi"])
def test_an_answer_tells_its_tokens(
    start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path, engine: str
) -> None:
    flow = write(tmp_path, flow__dag__yaml=FLOW, say__py=ASK)
    env = {"PROMPTFLOW_SERVING_ENGINE": engine, **TRACED}
    server = start_flow(flow, connections={"chat_model": chat_connection}, env=env)

    answers = [server.score(QUESTION) for _ in range(2)]

    assert [cost(answer) for answer in answers] == [COST, COST], "each its own"
    assert cost(server.ask("GET", "/health")) is None
    assert cost(server.score({})) is None, "a request that no run was made for"


@pytest.mark.parametrize("engine", ["flask", "fastapi"])
def test_a_stream_does_not_tell_what_it_is_still_to_cost(
    start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path, engine: str
) -> None:
    streamed = FLOW.replace('"${inputs.question}"}', '"${inputs.question}", stream: true}')
    flow = write(tmp_path, flow__dag__yaml=streamed, say__py=ASK)
    env = {"PROMPTFLOW_SERVING_ENGINE": engine, **TRACED}
    server = start_flow(flow, connections={"chat_model": chat_connection}, env=env)

    answer = server.score(QUESTION, accept="text/event-stream")

    assert answer.body.startswith("data: ")
    assert cost(answer) is None


def test_a_flow_without_a_model_tells_nothing(start_flow: StartFlow, tmp_path: Path) -> None:
    say = "from promptflow.core import tool\n\n\n@tool\ndef say(question: str) -> str:\n    return question\n"
    server = start_flow(write(tmp_path, flow__dag__yaml=PLAIN, say__py=say), env=TRACED)

    assert cost(server.score(QUESTION)) is None


def test_what_prompt_flow_does_not_trace_is_not_told(
    start_flow: StartFlow, chat_connection: dict[str, Any], tmp_path: Path
) -> None:
    flow = write(tmp_path, flow__dag__yaml=FLOW, say__py=ASK)

    assert cost(start_flow(flow, connections={"chat_model": chat_connection}).score(QUESTION)) is None


def test_a_flex_flow_tells_its_tokens(start_flow: StartFlow, chat_model: str, tmp_path: Path) -> None:
    flow = write(tmp_path, flow__flex__yaml="entry: say:say\n", say__py=FLEX.replace("BASE_URL", chat_model))

    assert cost(start_flow(flow, env=TRACED).score(QUESTION)) == COST

"""Ask an OpenAI-compatible server for the next answer of a chat."""

# No `from __future__ import annotations` here: prompt flow reads the type of `connection` from the signature, and
# takes a connection written as text for a plain string.
from openai import OpenAI
from promptflow.connections import OpenAIConnection
from promptflow.core import tool

SYSTEM = "You are a friendly guide to the small town of Millbrook. Answer in one or two sentences."


def messages(question: str, chat_history: list) -> list[dict[str, str]]:
    """Return the chat so far, in the form of the API; each turn of the history has `inputs` and `outputs`."""
    turns = [{"role": "system", "content": SYSTEM}]
    for turn in chat_history:
        turns.append({"role": "user", "content": turn["inputs"]["question"]})
        turns.append({"role": "assistant", "content": turn["outputs"]["answer"]})
    return [*turns, {"role": "user", "content": question}]


@tool
def chat(connection: OpenAIConnection, model: str, question: str, chat_history: list) -> str:
    """Return the model's answer."""
    client = OpenAI(api_key=connection.api_key, base_url=connection.base_url, timeout=30, max_retries=1)
    answer = client.chat.completions.create(model=model, messages=messages(question, chat_history))
    return answer.choices[0].message.content

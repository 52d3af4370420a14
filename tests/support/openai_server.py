"""An OpenAI-compatible chat server on this machine: a language model for tests, with no language and no network.

The same seed and the same request give the same answer. Run it, and it prints its port:

    CHAT_MODEL_KEY=… python tests/support/openai_server.py [--port 0] [--seed 0] [--noise 0.2] [--latency 0.05]

A request without that key as its bearer token gets status 401.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NOISE_WORDS = ("perhaps", "indeed", "rather", "surely", "somewhat")


@dataclass(frozen=True)
class Behaviour:
    """How the server answers.

    Requests show `key`, or `former_key` while one is taking the other's place. `noise` is the share of words that
    gets another one in front (0 to 1); `latency_s` the seconds before an answer (before each piece of a streamed
    one); `failure_rate` the share of requests that get status 500 (0 to 1).
    """

    key: str
    seed: int = 0
    noise: float = 0.0
    latency_s: float = 0.0
    failure_rate: float = 0.0
    former_key: str | None = None

    def opened_by(self, authorization: str | None) -> bool:
        """Tell whether this header lets a request in."""
        return authorization in {f"Bearer {key}" for key in (self.key, self.former_key) if key}


def answer_to(messages: list[dict[str, Any]], behaviour: Behaviour) -> str:
    """Return the answer: what was asked and how many turns came before, with seeded noise."""
    asked = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    turns = sum(m["role"] == "user" for m in messages) - 1
    words = f"You asked: {asked} ({turns} turns before)".split()
    chance = chance_for(messages, behaviour)
    return " ".join(f"{chance.choice(NOISE_WORDS)} {w}" if chance.random() < behaviour.noise else w for w in words)


def chance_for(messages: list[dict[str, Any]], behaviour: Behaviour) -> random.Random:
    """Return the random numbers of one request: the same for the same seed and messages."""
    text = json.dumps([behaviour.seed, messages], sort_keys=True)
    return random.Random(hashlib.sha256(text.encode()).digest())


def fails(messages: list[dict[str, Any]], behaviour: Behaviour) -> bool:
    """Tell whether this request is one of those that fail."""
    return chance_for([*messages, {"role": "failure"}], behaviour).random() < behaviour.failure_rate


class ChatServer(ThreadingHTTPServer):
    """Serves `POST /v1/chat/completions`; port 0 takes a free one. Containers don't reach 127.0.0.1."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__((host, port), ChatHandler)
        self.behaviour = behaviour


class ChatHandler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        """Answer a chat completion, whole or streamed."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.server.behaviour.opened_by(self.headers.get("Authorization")):
            self.refuse(HTTPStatus.UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided")
            return
        if self.path != "/v1/chat/completions":
            self.refuse(HTTPStatus.NOT_FOUND, "not_found", f"Unknown path {self.path}")
            return
        self.complete(json.loads(body))

    def complete(self, request: dict[str, Any]) -> None:
        """Answer one well-addressed request."""
        messages = request["messages"]
        time.sleep(self.server.behaviour.latency_s)
        if fails(messages, self.server.behaviour):
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", "The model fell over")
            return
        answer = answer_to(messages, self.server.behaviour)
        if request.get("stream"):
            self.stream(request["model"], answer)
        else:
            self.send_json(HTTPStatus.OK, completion(request, answer))

    def stream(self, model: str, answer: str) -> None:
        """Send the answer word by word as server-sent events."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events(model, answer):
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()
            time.sleep(self.server.behaviour.latency_s)
        self.close_connection = True

    def refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Send an error in the API's form."""
        self.send_json(status, {"error": {"message": message, "type": code, "param": None, "code": code}})

    def send_json(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        """Send a JSON body."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base class gives it
        """Keep quiet."""


def completion(request: dict[str, Any], answer: str) -> dict[str, Any]:
    """Return a whole answer; a token is a word here."""
    prompt = sum(len(str(message["content"]).split()) for message in request["messages"])
    made = len(answer.split())
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made},
    }


def events(model: str, answer: str) -> Iterator[str]:
    """Yield the pieces of a streamed answer, then the end mark."""
    pieces: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": f"{' ' * (index > 0)}{word}"} for index, word in enumerate(answer.split())]
    for piece in pieces:
        yield chunk(model, piece, None)
    yield chunk(model, {}, "stop")
    yield "[DONE]"


def chunk(model: str, delta: dict[str, str], finish: str | None) -> str:
    """Return one piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    content = {"id": "chatcmpl-local", "object": "chat.completion.chunk", "created": 0, "model": model}
    return json.dumps({**content, "choices": [choice]})


def main() -> None:
    """Serve until interrupted; the first line of output is the port."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible chat server for tests, on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--failure-rate", type=float, default=0.0)
    options = parser.parse_args()
    key = os.environ.get("CHAT_MODEL_KEY")
    if not key:
        parser.error("set the variable CHAT_MODEL_KEY to the key that clients are to show")
    behaviour = Behaviour(key, options.seed, options.noise, options.latency, options.failure_rate)
    with ChatServer(behaviour, options.port) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()

"""`sluice invoke`: ask an endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, service_of
from sluice.errors import UsageError
from sluice.report import note, say, say_json


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("invoke")(invoke)


def invoke(
    data: Annotated[str | None, typer.Argument(help="The request, as JSON.")] = None,
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    request_file: Annotated[Path | None, typer.Option("--request-file", "-r", help="A file with the request.")] = None,
    deployment: Annotated[
        str | None, typer.Option("--deployment", "-d", help="Ask this one, whatever its weight.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Ask an endpoint and print its answer; who answered goes to stderr.

    Examples: sluice invoke '{"question": "When do you open?"}' | sluice invoke -r request.json -d green
    """
    body = _body(data, request_file)
    service = service_of(stack)
    answer = service.ask(service.chosen(endpoint), body, deployment)
    if as_json:
        told = {"status": answer.status, "deployment": answer.deployment, "seconds": round(answer.seconds, 4)}
        say_json(told | {"answer": _parsed(answer.text)})
    else:
        say(answer.text)
        note(f"{answer.status} from {answer.deployment or 'the gateway'} in {answer.seconds * 1000:.0f} ms")
        if answer.hint:
            note(answer.hint, "yellow")
    return 0 if answer.status < 400 else 1


def _body(data: str | None, file: Path | None) -> bytes:
    if (data is None) == (file is None):
        raise UsageError("a request is needed: as an argument, or with --request-file", remedy="Give one of the two.")
    try:
        text = data if data is not None else file.read_text() if file else ""
    except OSError as error:
        raise UsageError(f"{file}: can't be read ({error.strerror})", remedy="Give a file that exists.") from None
    try:
        json.loads(text)
    except ValueError as error:
        raise UsageError(f"{file or 'the request'}: not JSON ({error})", remedy="Correct it.") from None
    return text.encode()


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text

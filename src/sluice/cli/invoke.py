"""`sluice invoke`: ask an endpoint."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, chosen_endpoint, local_target
from sluice.errors import NotFound, SluiceError, UsageError
from sluice.report import note, say, say_json

if TYPE_CHECKING:
    from sluice.targets.local.state import EndpointState


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
    state = chosen_endpoint(local_target(stack), endpoint)
    if deployment and deployment not in state.deployments:
        raise NotFound(f"deployment {deployment} does not exist; found: {', '.join(state.deployments) or 'none'}")
    status, text, who, seconds = ask(state, body, deployment)
    if as_json:
        say_json({"status": status, "deployment": who, "seconds": round(seconds, 4), "answer": _parsed(text)})
    else:
        say(text)
        note(f"{status} from {who or 'the gateway'} in {seconds * 1000:.0f} ms")
    return 0 if status < 400 else 1


def ask(state: EndpointState, body: bytes, deployment: str | None) -> tuple[int, str, str | None, float]:
    """Send a request; return status, answer, the deployment that answered, and seconds. Raises SluiceError."""
    import http.client

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {credential(state)}"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=310)
    try:
        connection.request("POST", "/score", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        message = f"endpoint {state.name} does not answer on port {state.port} ({error})"
        raise SluiceError(message, remedy="Look: sluice status; mend: sluice up") from None
    finally:
        connection.close()
    return answer.status, text, answer.getheader("azureml-model-deployment"), time.monotonic() - started


def credential(state: EndpointState) -> str:
    """Return what opens the door: the primary key, or a token of a minute."""
    from sluice.targets.local.endpoints import mint_token

    return state.primary if state.auth_mode == "key" else mint_token(state, time.time(), 60)[0]


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

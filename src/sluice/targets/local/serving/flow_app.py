"""Serves one prompt flow folder over HTTP, with prompt flow's own serving under gunicorn.

The Python of the deployment's environment runs this file: it has prompt flow and gunicorn, and no Sluice.
Written for Python 3.9 and later, as prompt flow is.

    python flow_app.py --folder FLOW --port PORT [--host ADDRESS] [--engine flask|fastapi] [--workers N] [--threads N]

Environment: SLUICE_CONNECTIONS names a JSON file of the granted connections under the names the flow uses,
`{name: {"type": ..., "configs": {...}, "secrets": {...}}}`; PF_HOME_DIRECTORY is a folder of this replica's own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# As prompt flow's container starts gunicorn; a flow may take 300 s (the longest request timeout).
REQUEST_LIMIT_SECONDS = 300
# Longer than the gateway keeps an idle connection (60 s), so that the server never closes one first.
KEEP_ALIVE_SECONDS = 75
# Not gunicorn's sync worker: it runs a flow in the main thread, where prompt flow takes SIGTERM for itself and
# breaks off what is in flight.
WORKER_CLASSES = {"flask": "gthread", "fastapi": "uvicorn_worker.UvicornWorker"}

# No usage data, no trace daemon on a fixed port.
PF_SETTINGS = "telemetry:\n  enabled: false\ntrace:\n  destination: none\n"

# The gateway writes what it says into its access log, where a rollout's tokens are read; callers see it too.
TOKENS_HEADER = "x-sluice-tokens"

WORKSPACE_REFERENCE = re.compile(r"\$\{\{\s*azureml://connections/(?P<name>[^}\s]+)\s*\}\}")

# The `type` of a connection file, in prompt flow's words and in the workspace's, without case and underscores.
CONNECTION_CLASSES = {
    "apikey": "CustomConnection",
    "azureaisearch": "CognitiveSearchConnection",
    "azureaiservices": "AzureAIServicesConnection",
    "azurecontentsafety": "AzureContentSafetyConnection",
    "azureopenai": "AzureOpenAIConnection",
    "cognitivesearch": "CognitiveSearchConnection",
    "custom": "CustomConnection",
    "formrecognizer": "FormRecognizerConnection",
    "openai": "OpenAIConnection",
    "serp": "SerpConnection",
    "serverless": "ServerlessConnection",
}


class ConnectionNotGranted(Exception):
    """The flow uses a connection that this deployment was not given."""


class GrantedConnections:
    """The connections a replica was given, for prompt flow to ask by the name its flow uses."""

    def __init__(self, granted: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]) -> None:
        self._granted = granted
        self._environment = environment

    def get(self, name: str, **_: Any) -> Any:
        """Return prompt flow's connection object for `name`. Raises: ConnectionNotGranted, naming it."""
        return connection_object(name, self._granted[granted_name(name, self._granted, self._environment)])

    def list(self, **_: Any) -> list[Any]:
        """Return every granted connection."""
        return [connection_object(name, content) for name, content in self._granted.items()]


def granted_name(name: str, granted: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Return the key in `granted` of what the flow calls `name`.

    It stands under the flow's own name where planning saw the flow use it. Else (a connection that only code or
    PF_FLOW_INIT_CONFIG names) the environment variable `name` may tell another, as on Azure: a name, or
    `${{azureml://connections/<name>}}`; a space in `name` is an underscore there.

    Raises: ConnectionNotGranted, which tells names and no more.
    """
    if name in granted:
        return name
    value = environment.get(name.replace(" ", "_"), name).strip()
    reference = WORKSPACE_REFERENCE.fullmatch(value)
    other = reference["name"] if reference else value
    if other in granted:
        return other
    through = "" if other == name else f", to which the environment variable {name!r} sends {name!r}"
    known = ", ".join(sorted(granted)) or "none"
    raise ConnectionNotGranted(
        f"the flow uses connection {other!r}{through}; this deployment was not granted it (granted: {known})"
    )


def connection_object(name: str, content: Mapping[str, Any]) -> Any:
    """Build prompt flow's connection object. Raises: ValueError for a type prompt flow does not have."""
    from promptflow import connections  # type: ignore[import-not-found]  # it is the environment's

    kind = str(content["type"]).replace("_", "").lower()
    if kind not in CONNECTION_CLASSES:
        raise ValueError(f"connection {name!r} has type {content['type']!r}, which prompt flow does not know")
    build = getattr(connections, CONNECTION_CLASSES[kind])
    configs, secrets = dict(content.get("configs", {})), dict(content.get("secrets", {}))
    if CONNECTION_CLASSES[kind] == "CustomConnection":
        return build(name=name, configs=configs, secrets=secrets)
    return build(name=name, **configs, **secrets)


def granted_connections(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read the file SLUICE_CONNECTIONS names; no variable, no connections."""
    path = environment.get("SLUICE_CONNECTIONS")
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}


def flow_application(engine: str) -> Any:
    """Build prompt flow's WSGI (flask) or ASGI (fastapi) application for the folder in PROMPTFLOW_PROJECT_PATH."""
    from promptflow.connections import ConnectionProvider  # type: ignore[import-not-found]
    from promptflow.core._serving.app import create_app  # type: ignore[import-not-found]

    # create_app(connection_provider=callable) asks its connections for a method that prompt flow 1.18 no longer
    # gives them; the process-wide provider is the door that DAG flows, flex flows and prompty files all use.
    ConnectionProvider._instance = GrantedConnections(granted_connections(os.environ), os.environ)  # noqa: SLF001
    return with_tokens(create_app(engine=engine), engine)


def with_tokens(app: Any, engine: str) -> Any:
    """Make the application tell in a header of each answer how many tokens of language models it cost.

    Prompt flow counts them where it traces calls of models: with PF_DISABLE_TRACING set to `false` (it is `true`
    unless set). A version too old to hand a request's run to its own monitor tells nothing.
    """
    if not traces_calls() or not hasattr(app, "get_context_data_provider"):
        return app
    request = app.get_context_data_provider()
    if engine == "fastapi":
        from starlette.middleware import Middleware  # type: ignore[import-not-found]  # it is the environment's

        # Innermost, where prompt flow's own middleware has set what it knows of the request.
        app.user_middleware.append(Middleware(TokensMiddleware, request=request))
    else:
        app.after_request(lambda response: flask_with_tokens(response, request))
    return app


def traces_calls() -> bool:
    """Tell whether prompt flow traces calls of language models; older versions always do."""
    try:
        from promptflow.tracing._utils import is_tracing_disabled  # type: ignore[import-not-found]
    except ImportError:
        return True
    return not is_tracing_disabled()


def tokens_of(request: Any) -> int | None:
    """Return what the run behind the current answer cost, by prompt flow's own count.

    None where it is not known: no run; a stream, which costs more until its end; and 0, which prompt flow says too
    where it could not count.
    """
    result = request.get_flow_result()
    if result is None or request.is_response_streaming():
        return None
    tokens = (result.run_info.system_metrics or {}).get("total_tokens")
    return tokens if isinstance(tokens, int) and tokens > 0 else None


def flask_with_tokens(response: Any, request: Any) -> Any:
    """Add the header to an answer of flask."""
    tokens = tokens_of(request)
    if tokens is not None:
        response.headers[TOKENS_HEADER] = str(tokens)
    return response


class TokensMiddleware:
    """Adds the header to answers of an ASGI application."""

    def __init__(self, app: Any, request: Any) -> None:
        self._app = app
        self._request = request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""

        async def send_with_tokens(message: Any) -> None:
            if message["type"] == "http.response.start" and scope.get("path") == "/score":
                tokens = tokens_of(self._request)
                if tokens is not None:
                    message["headers"] = [*message["headers"], (TOKENS_HEADER.encode(), str(tokens).encode())]
            await send(message)

        await self._app(scope, receive, send_with_tokens)


def prepare(folder: Path) -> None:
    """Make `folder` the place of work and of imports, and still prompt flow's telemetry before it is imported."""
    os.environ["PROMPTFLOW_PROJECT_PATH"] = str(folder)
    os.chdir(folder)
    sys.path[0] = str(folder)  # it was this script's folder, whose modules would hide the flow's
    home = Path(os.environ["PF_HOME_DIRECTORY"])
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "pf.yaml").write_text(PF_SETTINGS, encoding="utf-8")


def serve(options: argparse.Namespace) -> None:
    """Run gunicorn until it is told to stop; requests in flight end first."""
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it is the environment's

    class FlowServer(BaseApplication):  # type: ignore[misc]  # untyped
        def load_config(self) -> None:
            for key, value in server_settings(options).items():
                if key in self.cfg.settings:  # a flow may pin an older gunicorn, without a control socket
                    self.cfg.set(key, value)

        def load(self) -> Any:
            return flow_application(options.engine)

    FlowServer().run()


def server_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return gunicorn's settings."""
    return {
        "bind": f"{options.host}:{options.port}",
        "worker_class": WORKER_CLASSES[options.engine],
        "workers": options.workers,
        "threads": options.threads,
        "timeout": REQUEST_LIMIT_SECONDS,
        "graceful_timeout": REQUEST_LIMIT_SECONDS,
        "control_socket_disable": True,
        **connection_settings(options),
    }


def connection_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return gunicorn's settings about connections.

    A thread accepts a connection only when it is free and closes it after the answer, so that no request waits
    behind a busy worker while another is idle. The event loop of fastapi keeps connections open.
    """
    if options.engine == "fastapi":
        return {"keepalive": KEEP_ALIVE_SECONDS}
    return {"keepalive": 0, "worker_connections": options.threads}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Serve a prompt flow folder.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", choices=sorted(WORKER_CLASSES), default="flask")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    command_line = parse(sys.argv[1:])
    prepare(command_line.folder.resolve())
    serve(command_line)

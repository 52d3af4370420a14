"""Base images: what Azure can pull, what serves a flow, and what registries tell."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from sluice.errors import Mark
from sluice.images.base import (
    ImageFacts,
    Reference,
    facts_of,
    flow_base_findings,
    read_image,
    reference,
    registry_findings,
)

AT = Mark("environment.yaml", 2)
LAYERS = ("sha256:1", "sha256:2")
RUNTIME = ImageFacts("sha256:0", LAYERS)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("python", Reference("docker.io", "library/python", "latest")),
        ("me/app:1", Reference("docker.io", "me/app", "1")),
        ("mcr.microsoft.com/a/b:2", Reference("mcr.microsoft.com", "a/b", "2")),
        ("127.0.0.1:5000/a", Reference("127.0.0.1:5000", "a", "latest")),
        ("localhost/a:1@sha256:9", Reference("localhost", "a", "sha256:9")),
    ],
)
def test_references(image: str, parts: Reference) -> None:
    assert reference(image) == parts


@pytest.mark.parametrize(
    ("image", "severity"),
    [
        ("python:3.11", None),
        ("mcr.microsoft.com/azureml/minimal:1", None),
        ("mycompany.azurecr.io/a:1", None),
        ("ghcr.io/a/b", None),
        ("127.0.0.1:5000/a", "error"),
        ("localhost:5000/a", "error"),
        ("10.1.2.3/a", "error"),
        ("registry.corp.internal/a", "error"),
        ("registry.example.com/a", "warning"),
        ("evilazurecr.io/a", "warning"),
    ],
)
def test_where_azure_can_pull_from(image: str, severity: str | None) -> None:
    assert [finding.severity for finding in registry_findings(image, AT)] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("image", "facts", "code"),
    [
        ("mcr.microsoft.com/azureml/promptflow/promptflow-runtime:1", None, None),
        ("me.azurecr.io/a", None, "flow-base"),
        ("me.azurecr.io/a", ImageFacts("", (*LAYERS, "sha256:3")), None),
        ("me.azurecr.io/a", ImageFacts("", ("sha256:2", "sha256:1")), "flow-base"),
        ("me.azurecr.io/a", ImageFacts("", texts=("base.name=mcr.microsoft.com/azureml/promptflow/x",)), None),
        ("me.azurecr.io/a", ImageFacts("", texts=("PATH=/azureml-envs/prompt-flow/runtime/bin",)), None),
        ("me.azurecr.io/a", ImageFacts("", texts=("PATH=/usr/bin",)), "flow-base"),
    ],
)
def test_a_flow_is_served_by_what_derives_from_the_runtime(image: str, facts: ImageFacts | None, code: str) -> None:
    assert [one.code for one in flow_base_findings(image, facts, AT, RUNTIME)] == ([code] if code else [])


def test_a_configuration_that_says_little() -> None:
    assert facts_of("sha256:0", {}, {}) == ImageFacts("sha256:0")
    assert facts_of("", {"annotations": None}, {"config": {"Labels": None, "Env": None}, "history": None}).texts == ()


CONFIG = {
    "config": {"User": "1000", "Labels": {"a": "b"}, "Env": ["X=1"]},
    "rootfs": {"diff_ids": list(LAYERS)},
    "history": [{"created_by": "RUN x"}],
}
INDEX = {
    "manifests": [
        {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:amd", "platform": {"os": "linux", "architecture": "amd64"}},
    ]
}
ANSWERS = {
    "/v2/a/b/manifests/1": INDEX,
    "/v2/a/b/manifests/sha256:amd": {"config": {"digest": "sha256:c"}},
    "/v2/a/b/blobs/sha256:c": CONFIG,
}


class Handler(http.server.BaseHTTPRequestHandler):
    """A registry that gives a token to anyone, and asks for it."""

    token: ClassVar[str] = "t0ken"

    def do_GET(self) -> None:
        if self.path.startswith("/token?"):
            assert "scope=repository:a/b:pull" in self.path
            self._answer(200, {"token": self.token})
        elif self.headers.get("Authorization") != f"Bearer {self.token}":
            self._answer(401, {})
        else:
            self._answer(200 if self.path in ANSWERS else 404, ANSWERS.get(self.path, {}))

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        if status == 401:
            realm = f"http://127.0.0.1:{self.server.server_port}/token"  # type: ignore[attr-defined]
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="r",scope="repository:a/b:pull"')
        self.send_header("Docker-Content-Digest", "sha256:index")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def registry() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_is_asked_as_anyone() -> None:
    with registry() as address:
        facts = read_image(f"{address}/a/b:1")
        assert facts is not None
        assert (facts.digest, facts.layers, facts.user) == ("sha256:index", LAYERS, "1000")
        assert facts.texts == ("a=b", "X=1", "RUN x")
        assert read_image(f"{address}/a/b:2") is None
    assert read_image(f"{address}/a/b:1") is None

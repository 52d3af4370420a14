"""A Docker of the tests' own, images in it, and projects that deploy to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_engine import BASE, USED, Dockerd, NoDocker, dockerd, import_image
from projects import Project, lent
from uv import find_uv_bin

from sluice.plan.servers import ServerKind
from sluice.targets.local.docker.spec import container_name
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.serving.images import requirements

# A name that a process environment is rebuilt from, too: the same specification runs either way.
SCORING_IMAGE = "mcr.microsoft.com/azureml/minimal-py311-inference:1"
CUSTOM_IMAGE = "sluice-test/custom:1"
SECRET = "s3cr3t-of-green"

SERVER = """
import http.server
import json
import os
import signal
import sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        models = [os.path.join(at, name) for at, _, files in os.walk("/var/models") for name in files]
        self.answer({"path": self.path, "models": models, "base": os.environ.get("MODEL_BASE_PATH")})

    def answer(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        print("asked for", self.path, flush=True)

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # process 1 hears no signal that it has no handler for
print("a server of its own, as", os.getuid(), file=sys.stderr, flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
"""

FILES = {
    "answers/answers.json": '{"When is the story hour?": "on saturdays"}',
    "models/answers.yaml": "name: answers\nversion: '1'\npath: ../answers\n",
    "scoring/score.py": """
import json
import os

answers = {}


def init():
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "answers", "answers.json")) as file:
        answers.update(json.load(file))
    print("the script is ready, as", os.getuid())


def run(data):
    return {"answer": answers[json.loads(data)["question"]], "token": len(os.environ["TOKEN"])}
""",
    "endpoints/qa/green.yaml": f"""
name: green
endpoint_name: question-answering
model: azureml:answers:1
environment:
  image: {SCORING_IMAGE}
code_configuration:
  code: ../../scoring
  scoring_script: score.py
environment_variables:
  TOKEN: ${{env:TOKEN}}
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  max_concurrent_requests_per_instance: 10
properties:
  sluice.runtime: docker
""",
    "endpoints/qa/gold.yaml": f"""
name: gold
endpoint_name: question-answering
model: azureml:answers:1
model_mount_path: /var/models
environment:
  image: {CUSTOM_IMAGE}
  inference_config:
    liveness_route: {{path: /live, port: 9000}}
    readiness_route: {{path: /ready, port: 9000}}
    scoring_route: {{path: /v1/predict, port: 9000}}
environment_variables:
  MODEL_BASE_PATH: /var/models/answers/1
  TOKEN: ${{env:TOKEN}}
instance_type: Standard_F2s_v2
instance_count: 1
request_settings:
  max_concurrent_requests_per_instance: 10
properties:
  sluice.runtime: docker
""",
}


Packages = Callable[[ServerKind], Path]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """A folder with what a kind of server needs, for Debian's Python."""
    return lambda kind: installed_packages(tmp_path_factory.mktemp("packages"), kind)


@pytest.fixture(scope="session")
def docker(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    """A Docker with an image for scoring scripts and one that is no model server of ours; skipped where none can be."""
    folder = tmp_path_factory.mktemp("dockerd")
    try:
        with dockerd(folder) as daemon:
            import_image(daemon.api, BASE, folder / "image.tar")
            scoring = {USED: packages(ServerKind.SCORING_SCRIPT)}
            import_image(daemon.api, SCORING_IMAGE, folder / "image.tar", scoring, ["USER 1234:1234"])
            server = folder / "server.py"
            server.write_text(SERVER)
            run = ['CMD ["python3", "/srv/server.py"]', "USER nobody"]
            import_image(daemon.api, CUSTOM_IMAGE, folder / "image.tar", {"/srv/server.py": server}, run)
            yield daemon
    except NoDocker as reason:
        pytest.skip(f"no Docker to test with: {reason}")


def installed_packages(folder: Path, kind: ServerKind) -> Path:
    """Return a folder with what a kind of server needs, for Debian's Python."""
    lines = requirements(None, kind, ())
    install = [find_uv_bin(), "pip", "install", "--quiet", "--compile-bytecode", "--target", str(folder)]
    subprocess.run([*install, "--python", "/usr/bin/python3", *lines], check=True)
    return folder


@pytest.fixture(scope="module")
def library(docker: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An endpoint, up: blue is a flow in a process, green a script and gold a server of its own in containers."""
    with in_docker(docker, tmp_path_factory.mktemp("library")) as project:
        project.must("up", "--yes")
        yield project


@pytest.fixture
def fresh(docker: Dockerd, tmp_path: Path) -> Iterator[Project]:
    """The same, not up, and without blue."""
    with in_docker(docker, tmp_path) as project:
        (project.root / "endpoints/qa/blue.yaml").unlink()
        project.edit("endpoints/qa/endpoint.yaml", "blue: 100", "green: 100")
        yield project


@contextmanager
def in_docker(docker: Dockerd, folder: Path) -> Iterator[Project]:
    with lent(folder / "p") as project:
        project.environ |= {"DOCKER_HOST": docker.address, "TOKEN": SECRET}
        for name, text in FILES.items():
            project.write(name, text.lstrip())
        yield project
    assert not containers_of(docker, project)


def containers_of(docker: Dockerd, project: Project) -> list[dict[str, Any]]:
    """Return the containers of a project's stack, as Docker lists them."""
    mark = container_name(StackPaths.of(project.root, "dev").root, "")
    return [one for one in docker.api.containers(all=True) if one["Names"][0].lstrip("/").startswith(mark)]

"""Bad input: a clear error that says where and what to do, and what served before serves on."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from pathlib import Path

import pytest
from projects import QUESTION, Project, pulumi

pytestmark = [pytest.mark.process, pytest.mark.engine]

GROUP = "urn:pulumi:dev::library::sluice:index:OnlineEndpoint::question-answering"
TRAFFIC = "urn:pulumi:dev::library::sluice:index:OnlineEndpoint$sluice:index:Traffic::question-answering"


@pytest.fixture(autouse=True)
def unchanged(shared: Project) -> object:
    """Each test changes files; afterwards they are as before and the old deployment still answers."""
    files = {
        path: path.read_bytes() for path in shared.root.rglob("*") if path.is_file() and ".sluice" not in path.parts
    }
    yield
    for path in [path for path in shared.root.rglob("*") if path.is_file() and ".sluice" not in path.parts]:
        if path not in files:
            path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert '"answer"' in shared.must("invoke", QUESTION)


def refused(project: Project, *words: str, verb: str = "up") -> str:
    """Run a verb that has to be refused with exit 1, naming all the words."""
    done = project.call(verb, *(("--yes",) if verb == "up" else ()))
    assert done.returncode == 1, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_missing_model_folder(shared: Project) -> None:
    shared.edit("models/qa-blue.yaml", "flows/qa-blue", "flows/nowhere")

    refused(shared, "models/qa-blue.yaml:", "flows/nowhere", verb="preview")


def test_broken_yaml(shared: Project) -> None:
    shared.write("endpoints/qa/blue.yaml", "name: blue\n  endpoint_name: [\n")

    refused(shared, "endpoints/qa/blue.yaml:2:", verb="preview")


def test_unknown_key_names_the_nearest(shared: Project) -> None:
    shared.edit("endpoints/qa/blue.yaml", "instance_count: 1", "instance_cout: 1")

    refused(shared, "instance_cout", "instance_count", "endpoints/qa/blue.yaml:", verb="preview")


def test_same_version_with_other_content(shared: Project) -> None:
    shared.write("flows/qa-blue/note.txt", "changed")

    words = refused(shared, "qa-blue", "version 1", "new version", verb="preview")

    assert words.count("content") >= 1


def test_weights_that_do_not_sum(shared: Project) -> None:
    shared.edit("endpoints/qa/endpoint.yaml", "blue: 100", "blue: 90")

    refused(shared, "90", verb="preview")


def test_removing_a_deployment_that_has_traffic(shared: Project) -> None:
    (shared.root / "endpoints/qa/blue.yaml").unlink()

    refused(shared, "blue", "endpoints/qa/endpoint.yaml", verb="preview")


def test_a_flow_that_does_not_start(shared: Project) -> None:
    shared.write("flows/qa-blue/answer.py", "raise RuntimeError('no such shelf')\n")
    shared.edit("models/qa-blue.yaml", 'version: "1"', 'version: "2"')
    shared.edit("endpoints/qa/blue.yaml", "azureml:qa-blue:1", "azureml:qa-blue:2")
    before = shared.deployment("blue")["replicas"]

    refused(shared, "no such shelf", "last log lines")

    assert shared.deployment("blue")["replicas"] == before


def test_requirements_that_do_not_resolve(shared: Project) -> None:
    shared.write("flows/qa-green/requirements.txt", "rank-bm25==99.9\n")
    shared.edit("models/qa-green.yaml", 'version: "1"', 'version: "2"')
    shared.edit("endpoints/qa/green.yaml", "azureml:qa-green:1", "azureml:qa-green:2")

    refused(shared, "rank-bm25", "99.9", "resolve")


def test_port_in_use(shared: Project) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shared.write("stacks/dev/stack.yaml", f"target: local\nport:\n  question-answering: {server.server_port}\n")
    try:
        refused(shared, str(server.server_port), "in use")
    finally:
        server.shutdown()
        server.server_close()


def test_two_at_a_time(shared: Project) -> None:
    shared.edit("endpoints/qa/blue.yaml", 'NUM: "1"', 'NUM: "1"\n  ROUND: two')
    first = shared.start("up", "--yes")
    assert first.stdout is not None
    for line in first.stdout:
        if "replica" in line:
            break

    second = shared.call("up", "--yes")
    first.communicate()

    assert first.returncode == 0
    assert second.returncode == 1
    assert "is being updated by" in second.stderr
    assert "process" in second.stderr


def test_wrong_passphrase(shared: Project) -> None:
    done = shared.call("up", "--yes", PULUMI_CONFIG_PASSPHRASE="not the one")

    assert done.returncode == 1
    assert "passphrase does not open" in done.stderr


def test_read_only_cache(shared: Project) -> None:
    done = shared.call("up", "--yes", SLUICE_CACHE="/dev/null/cache")

    assert done.returncode == 1
    assert "SLUICE_CACHE" in done.stderr or "can't be written" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_weights_for_an_unknown_deployment(shared: Project) -> None:
    done = shared.call("traffic", "set", "blu=100", "--yes")

    assert done.returncode == 1
    assert "blue" in done.stderr


def test_import_of_what_does_not_exist(shared: Project) -> None:
    done = pulumi(
        shared, "import", "--yes", "--stack", "dev", "--generate-code=false", "sluice:index:Endpoint", "ghost", "ghost"
    )

    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr or "not found" in done.stdout + done.stderr


def test_import_of_what_exists(shared: Project) -> None:
    remove = pulumi(shared, "state", "delete", "--yes", "--stack", "dev", "--force", TRAFFIC)
    assert remove.returncode == 0, remove.stderr
    done = pulumi(
        shared,
        "import", "--yes", "--stack", "dev", "--generate-code=false", "--protect=false", "--parent", f"group={GROUP}",
        "sluice:index:Traffic", "question-answering", "question-answering",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    shared.must("up", "--yes")
    assert shared.status()["traffic"] == {"blue": 100, "green": 0}


def test_a_full_disk(shared: Project, tmp_path: Path) -> None:
    engine = Path.home() / ".cache/sluice/engines"
    binaries = next(engine.glob("*/bin"), None)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if binaries is None or mounted.returncode:
        pytest.skip("needs the right to mount a small disk, and an engine in the usual cache")
    shared.write("flows/qa-blue/requirements.txt", "tabulate==0.9.0\n")
    shared.edit("models/qa-blue.yaml", 'version: "1"', 'version: "3"')
    shared.edit("endpoints/qa/blue.yaml", "azureml:qa-blue:1", "azureml:qa-blue:3")
    try:
        path = f"{binaries}:{os.environ['PATH']}"
        done = shared.call("up", "--yes", SLUICE_CACHE=str(disk / "cache"), PATH=path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)

    assert done.returncode == 1
    assert "SLUICE_CACHE" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr

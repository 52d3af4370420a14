"""pulumi-azure-native knows every input that we give its resources.

SLUICE_AZURE_NATIVE names a Python that has pulumi-azure-native 3.29.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.unit.azure.conftest import SITE, STACK, USER_ASSIGNED, plan_files

from sluice.plan.azure_native import TOKENS, NativeResource, native
from sluice.plan.azure_site import Site
from sluice.plan.graph import Output
from sluice.spec.terms import SecretReference

PYTHON = os.environ.get("SLUICE_AZURE_NATIVE")
CASES = Path(__file__).parent / "oracle" / "cases"

pytestmark = pytest.mark.skipif(PYTHON is None, reason="SLUICE_AZURE_NATIVE names no Python with pulumi-azure-native")


def resources(folder: Path, site: Site = SITE) -> list[NativeResource]:
    """A stack of everything: both forms of deployment with every field, and a connection of every type."""
    files = {**STACK, "endpoints/answers/endpoint.yaml": USER_ASSIGNED}
    for case in CASES.glob("connection-*.yaml"):
        files[f"connections/{case.name}"] = _case(case.name, "name: one", f"name: {case.stem}")
    files["endpoints/cluster/endpoint.yaml"] = _case("endpoint-kubernetes.yaml", "name: answers", "name: cluster")
    kubernetes = _case("deployment-kubernetes.yaml", "endpoint_name: answers", "endpoint_name: cluster")
    files["endpoints/cluster/blue.yaml"] = kubernetes
    files["endpoints/answers/green.yaml"] = _case("deployment-managed.yaml", "name: blue", "name: green")
    files["environments/serving.yaml"] = _case("environment-conda.yaml", "version: 3", "version: 2")
    files["environments/files/conda.yaml"] = _case("files/conda.yaml")
    graph = plan_files(folder, files, site, goals={})
    return [made for one in graph.resources if (made := native(one))]


def _case(name: str, old: str = "", new: str = "") -> str:
    text = (CASES / name).read_text()
    return text.replace(old, new) if old else text


def plain(value: Any) -> Any:
    if isinstance(value, (Output, SecretReference)):
        return "known later"
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, (list, tuple)) else value


def test_the_provider_knows_every_input(tmp_path: Path) -> None:
    made = resources(tmp_path)
    assert {one.token for one in made} >= set(TOKENS.values()) - {TOKENS["CodeVersion"]}
    assert PYTHON
    asked = [{"id": one.import_id, "token": one.token, "inputs": plain(dict(one.inputs))} for one in made]
    command = [PYTHON, str(Path(__file__).parent / "native_signatures.py")]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    unknown: dict[str, list[str]] = json.loads(run.stdout)
    assert unknown == {one.import_id: [] for one in made}

"""Containers from requirements alone: the image is built by BuildKit, pushed to loopback, run by Docker.

One of the packages comes from a feed behind a password, which nothing that was built or kept may hold.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import BASE, Dockerd
from image_projects import in_registry, reason_to_skip, tools_path
from package_index import PASSWORD, USER, PackageIndex, private_index
from projects import Load, Project, lent

from sluice.engine.images import machine_services

pytestmark = [pytest.mark.process, pytest.mark.engine]
PROMPT_FLOW = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"


@pytest.fixture
def environ(docker: Dockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cache of the test's own, and Docker; what builds images there is stopped at the end."""
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    cache = tmp_path_factory.mktemp("cache")
    found = {"PATH": tools_path(), "SLUICE_CACHE": str(cache), "DOCKER_HOST": docker.address}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_CACHE", str(cache))
        services = machine_services({**os.environ, **found})
    yield found
    services.stop()


@pytest.fixture
def base(docker: Dockerd, environ: dict[str, str], tmp_path: Path) -> str:
    """A base with Python and no server, in the registry on loopback; its address there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_CACHE", environ["SLUICE_CACHE"])
        registry = machine_services({**os.environ, **environ}).ensure(print, tmp_path, local=True)
    repository = f"{registry.address}/python-base"
    docker.api.tag(BASE, repository, "1")
    pushed = docker.api.push(repository, "1", stream=True, decode=True)
    assert not [line["error"] for line in pushed if "error" in line]
    return f"{repository}:1"


def test_flows_move_from_blue_to_green_in_images_built_from_requirements(
    docker: Dockerd, environ: dict[str, str], base: str, tmp_path: Path
) -> None:
    with private_index() as index, lent(tmp_path / "p") as project:
        index.add("books", "1.0")
        project.environ |= {**environ, "SLUICE_FEED_127_0_0_1": f"{USER}:{PASSWORD}"}
        _from_requirements_alone(project, base, index)
        project.must("up", "--yes")
        assert project.score().json()["answer"]

        with Load(project.port(), project.key()) as load:
            project.must("traffic", "set", "green=100", "--yes")
            project.must("traffic", "set", "blue=50", "green=50", "--yes")
            project.must("traffic", "set", "green=100", "--yes")
        assert (load.failed, set(load.answered) >= {"green"}) == ([], True)
        images = _images(docker, project)
        registry = base.partition("/")[0]
        assert set(images) == {f"{registry}/question-answering/{name}" for name in ("blue", "green")}
        _holds_no_credential(project, images, index)
        assert project.call("preview", "--expect-no-changes").returncode == 0

        project.write("flows/qa-green/requirements.txt", f"{_green(index)}snowballstemmer==2.2.0\n")
        said = project.call("preview")
        assert "+snowballstemmer==2.2.0" in said.stdout + said.stderr


def _green(index: PackageIndex) -> str:
    return f"--extra-index-url {index.placeholder}\nrank-bm25==0.2.2\nbooks==1.0\n"


def _from_requirements_alone(project: Project, base: str, index: PackageIndex) -> None:
    project.write("stacks/dev/stack.yaml", "runtime: docker\n")
    project.write("flows/qa-green/requirements.txt", _green(index))
    project.write("flows/qa-blue/requirements.txt", "rank-bm25==0.2.2\n")
    for name in ("blue", "green"):
        project.edit(f"endpoints/qa/{name}.yaml", PROMPT_FLOW, base)


def _images(docker: Dockerd, project: Project) -> dict[str, str]:
    """Return the digests of the images that a project's containers run, by repository."""
    used = [replica["image"] for one in project.status()["deployments"] for replica in one["replicas"]]
    digests = [digest for image in used for digest in docker.api.inspect_image(image)["RepoDigests"]]
    return {repository: digest for repository, _, digest in (one.partition("@") for one in digests)}


def _holds_no_credential(project: Project, images: dict[str, str], index: PackageIndex) -> None:
    """Look through layers, history and manifests, and through all that the project keeps, state included."""
    assert any("/files/books/" in line and line.endswith("200") for line in index.asked)
    blobs = [blob for name, digest in images.items() for blob in in_registry(f"{name}:latest@{digest}").values()]
    kept = [path.read_bytes() for path in (project.root / ".sluice").rglob("*") if path.is_file()]
    found = [gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one for one in (*blobs, *kept)]
    assert any(b"books-1.0.dist-info" in one for one in found)
    for secret in (PASSWORD, "p%40ss", USER):
        assert not any(secret.encode() in one for one in found), secret

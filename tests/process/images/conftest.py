"""Builds with the real provider, BuildKit and registry, in a cache folder of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_projects import NO_DOCKER, ImageProject, reason_to_skip, rootfs, tools_path

from sluice.engine.images import ImageServices, machine_services


@pytest.fixture(scope="session")
def build_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of calls that build: what builds is stopped at the end."""
    reason = reason_to_skip()
    if reason:
        pytest.skip(reason)
    cache = tmp_path_factory.mktemp("cache")
    environ = {"PATH": tools_path(), "SLUICE_CACHE": str(cache), "DOCKER_HOST": NO_DOCKER}
    yield environ
    services_of(environ).stop()


def services_of(environ: dict[str, str]) -> ImageServices:
    """Return the services of a cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_CACHE", environ["SLUICE_CACHE"])
        return machine_services({**os.environ, **environ})


@pytest.fixture
def services(build_environ: dict[str, str]) -> ImageServices:
    """What builds images in these tests."""
    return services_of(build_environ)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, build_environ: dict[str, str]) -> Path:
    """A shell and the usual commands, as a tar archive."""
    return rootfs(tmp_path_factory.mktemp("rootfs"))


@pytest.fixture
def project(tmp_path: Path, build_environ: dict[str, str], base: Path) -> ImageProject:
    """A project without images yet; `rootfs.tar` lies in it."""
    made = ImageProject.made(tmp_path / "project", build_environ)
    os.link(base, made.root / "rootfs.tar")
    return made

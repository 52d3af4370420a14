"""Projects that only build images, and what a registry of this machine holds of them.

The base of their images is this machine's own Debian packages: no hub is needed.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import shutil
import subprocess
import tarfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker_engine import files_of
from projects import Project

from sluice.cache import cache_folder
from sluice.engine.images import install_for_images
from sluice.engine.install import machine_supply
from sluice.engine.parts import pinned_versions
from sluice.errors import SluiceError

ROOTFS = "rootfs.tar"
NO_DOCKER = "unix:///no-docker.sock"  # what builds is to be BuildKit itself
SHELL = ("dash", "coreutils", "grep")
_PROGRAM = """
import json
from pathlib import Path

import pulumi

from sluice.errors import SluiceError
from sluice.images.context import sealed
from sluice.images.models import BuildSecret, ImagePlan
from sluice.plan.graph import Graph, Resource
from sluice.spec.terms import SecretReference, SecretScheme
from sluice_infra.components.stack import build
from sluice_infra.images import prepare_images

ROOT = Path(__file__).resolve().parent.parent


def planned(name, image):
    secrets = [BuildSecret(id, SecretReference(SecretScheme.ENV, env)) for id, env in image["secrets"].items()]
    files = {file: ROOT / place for file, place in image["files"].items()}
    platforms = tuple(image["platforms"])
    plan = ImagePlan(name, image["dockerfile"], files, "", "scratch", secrets=tuple(secrets), platforms=platforms)
    return sealed(plan)


settings = json.loads((ROOT / "images.json").read_text())
images = settings["images"]
plans = [planned(name, image) for name, image in images.items()]
try:
    builds = prepare_images(ROOT, pulumi.get_stack(), plans, settings["registry"], lambda _: None) if plans else None
    build(Graph(tuple(Resource("Image", plan.name) for plan in plans)), builds)
except SluiceError as error:
    raise pulumi.RunError(str(error)) from None
"""


def reason_to_skip() -> str:
    """Return why images can't be built here, after trying to install what is missing; empty where they can."""
    if os.getuid() != 0:
        return "BuildKit runs as root here, and we are not"
    if shutil.which("dpkg-query") is None:
        return "the base image is made of Debian packages, and this is no Debian"
    if shutil.which("runc") is None and not _installed("runc"):
        return "runc is not on PATH, and apt-get can't install it"
    try:
        install_for_images(print, {**os.environ, "DOCKER_HOST": NO_DOCKER})
    except SluiceError as error:
        return str(error)
    return ""


def _installed(package: str) -> bool:
    """Install a Debian package; tell whether that worked."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        try:
            subprocess.run(["apt-get", *command], env=environ, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


def tools_path() -> str:
    """Return a PATH with the engine and the tools of the user's cache, for a call with a cache of its own."""
    engine, versions = machine_supply().find(), pinned_versions()
    assert engine is not None
    names = (f"buildkit-{versions.buildkit}", f"registry-{versions.registry}")
    folders = [engine.bin, *(cache_folder() / "tools" / name / "bin" for name in names)]
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])


@dataclass
class ImageProject(Project):
    """A project whose only resources are images."""

    @classmethod
    def made(cls, root: Path, environ: Mapping[str, str]) -> ImageProject:
        """Make one."""
        project = cls(root, dict(environ))
        project.write("infra/__main__.py", textwrap.dedent(_PROGRAM))
        project.write("stacks/dev/stack.yaml", "target: local\n")
        shutil.copyfile(Path(__file__).resolve().parents[2] / "Pulumi.yaml", root / "Pulumi.yaml")
        project.images({})
        return project

    def images(self, images: Mapping[str, Mapping[str, Any]], registry: str | None = None) -> None:
        """Say which images there are, by name.

        Each has `dockerfile`, and may have `files` (name: place), `secrets` (id: variable) and `platforms`.
        """
        empty: dict[str, Any] = {"files": {}, "secrets": {}, "platforms": ["linux/amd64"]}
        settings = {"registry": registry, "images": {name: {**empty, **image} for name, image in images.items()}}
        self.write("images.json", json.dumps(settings))

    def state(self, name: str) -> dict[str, Any]:
        """Return the outputs of an image in Pulumi's state."""
        [file] = (self.root / ".sluice" / "state" / ".pulumi" / "stacks").glob("*/dev.json")
        resources = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
        found = next(one for one in resources if one["urn"].endswith(f"docker-build:index:Image::{name}"))
        outputs: dict[str, Any] = found["outputs"]
        return outputs


def rootfs(folder: Path, packages: tuple[str, ...] = SHELL) -> Path:
    """Return a tar archive of Debian packages that are installed here, with what they depend on."""
    target = folder / ROOTFS
    if not target.exists():
        with tarfile.open(target, "w") as archive:
            for path in files_of(_closure(packages)):
                archive.add(path, arcname=str(path).lstrip("/"), recursive=False)
    return target


@functools.cache
def _closure(packages: tuple[str, ...]) -> tuple[str, ...]:
    options = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    found = _said("apt-cache", "depends", "--recurse", "--installed", *(f"--no-{one}" for one in options), *packages)
    return tuple(sorted({line for line in found if line[:1].isalnum()}))


def _said(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def in_registry(reference: str) -> dict[str, bytes]:
    """Return all of an image as its registry gives it, by digest: manifests, configuration and layers.

    `reference` is `127.0.0.1:port/name:tag@digest`.
    """
    address, _, rest = reference.partition("/")
    name, digest = rest.partition(":")[0], reference.partition("@")[2]
    blobs: dict[str, bytes] = {}
    waiting = [digest]
    while waiting:
        one = waiting.pop()
        blobs[one] = _got(address, f"/v2/{name}/manifests/{one}")
        manifest = json.loads(blobs[one])
        waiting += [child["digest"] for child in manifest.get("manifests", [])]
        for blob in [*([manifest["config"]] if "config" in manifest else []), *manifest.get("layers", [])]:
            blobs[blob["digest"]] = _got(address, f"/v2/{name}/blobs/{blob['digest']}")
    return blobs


def _got(address: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(address, timeout=30)
    kinds = "application/vnd.oci.image.{0}.v1+json", "application/vnd.docker.distribution.manifest.v2+json"
    accept = ", ".join([kinds[0].format("manifest"), kinds[0].format("index"), kinds[1]])
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, f"{path}: {response.status}"
    return body

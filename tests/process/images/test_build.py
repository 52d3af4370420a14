"""Images through the whole of it: `sluice up`, Pulumi's provider, BuildKit, a registry."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from image_projects import ImageProject, in_registry

from sluice.engine.images import ImageServices
from sluice.images.registry import answers

pytestmark = [pytest.mark.process, pytest.mark.engine]

SCRATCH = "FROM scratch\nADD rootfs.tar /\n"
FILES = {"rootfs.tar": "rootfs.tar", "notes.txt": "notes.txt"}


def put(
    project: ImageProject,
    steps: str = "COPY notes.txt /\n",
    *,
    notes: str = "one",
    secrets: Mapping[str, str] | None = None,
) -> None:
    """Have one image, `qa/blue`, of the base and some steps."""
    project.write("notes.txt", notes)
    project.images({"qa/blue": {"dockerfile": SCRATCH + steps, "files": FILES, "secrets": dict(secrets or {})}})


def test_an_image_is_built_pushed_and_left_alone_when_nothing_changed(project: ImageProject) -> None:
    put(project)
    said = project.call("up", "--yes")
    assert "1 changed" in said.stdout or "Image qa/blue: created" in said.stderr, said
    first = project.state("qa/blue")
    assert re.fullmatch(r"127\.0\.0\.1:\d+/qa/blue:[0-9a-f]{12}@sha256:[0-9a-f]{64}", first["ref"])
    assert any(b"notes.txt" in gzip.decompress(blob) for blob in layers(first["ref"]))
    said = project.call("up", "--yes")
    assert "nothing to change" in said.stdout
    assert "warning" not in said.stderr
    assert project.state("qa/blue") == first


def layers(reference: str) -> list[bytes]:
    return [blob for blob in in_registry(reference).values() if blob[:2] == b"\x1f\x8b"]


def test_only_what_changed_is_built_again(project: ImageProject) -> None:
    put(project, "RUN echo slow >/slow\nCOPY notes.txt /\n")
    project.must("up", "--yes")
    first = project.state("qa/blue")
    put(project, "RUN echo slow >/slow\nCOPY notes.txt /\n", notes="two")
    project.must("up", "--yes")
    second = project.state("qa/blue")
    assert second["digest"] != first["digest"]
    kept = set(in_registry(first["ref"])) & set(in_registry(second["ref"]))
    assert len(kept) == 2  # the base and the slow step are the same layers


def test_a_checkout_elsewhere_with_other_times_and_modes_builds_the_same_context(
    project: ImageProject, tmp_path: Path
) -> None:
    put(project)
    project.must("up", "--yes")
    shutil.copytree(project.root, tmp_path / "copy")
    copy = ImageProject(tmp_path / "copy", project.environ)
    (copy.root / "notes.txt").chmod(0o600)
    (copy.root / "notes.txt").touch()
    shutil.rmtree(copy.root / ".sluice" / "contexts")
    assert "nothing to change" in copy.must("up", "--yes")
    assert copy.state("qa/blue") == project.state("qa/blue")


def test_a_registry_that_was_emptied_is_filled_again(project: ImageProject, services: ImageServices) -> None:
    put(project)
    project.must("up", "--yes")
    first = project.state("qa/blue")
    services.programs.stop()
    services.registry.emptied()
    project.must("up", "--yes")
    assert project.state("qa/blue")["digest"] == first["digest"]
    assert layers(first["ref"])


def test_a_secret_is_there_while_building_and_nowhere_else(project: ImageProject, services: ImageServices) -> None:
    secret = "q7-not-to-be-found-anywhere-q7"
    steps = "RUN --mount=type=secret,id=feed,required grep -c q7 /run/secrets/feed >/length\n"
    put(project, steps, secrets={"feed": "FEED"})
    said = project.call("up", "--yes", FEED=secret)
    assert said.returncode == 0, said.stderr
    reference = project.state("qa/blue")["ref"]
    assert secret not in said.stdout + said.stderr
    for digest, blob in in_registry(reference).items():
        plain = gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob
        assert secret.encode() not in plain, digest
    for folder in (project.root / ".sluice", project.root / "stacks", services.programs.folder.root):
        assert not [file for file in files_in(folder) if secret.encode() in file.read_bytes()]
    assert "nothing to change" in project.must("up", "--yes", FEED="another-one")  # a new token builds nothing


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]


def test_an_image_for_several_platforms_has_a_manifest_for_each(project: ImageProject) -> None:
    project.write("notes.txt", "one")
    image = {"dockerfile": "FROM scratch\nCOPY notes.txt /\n", "files": FILES}
    project.images({"qa/blue": {**image, "platforms": ["linux/amd64", "linux/arm64"]}})
    project.must("up", "--yes")
    state = project.state("qa/blue")
    index = json.loads(in_registry(state["ref"])[state["digest"]])
    assert {one["platform"]["architecture"] for one in index["manifests"]} == {"amd64", "arm64"}


def test_a_shared_registry_keeps_the_cache_for_other_machines(project: ImageProject, services: ImageServices) -> None:
    put(project)
    project.must("up", "--yes")  # the registry on loopback runs now; it plays the shared one
    registry = services.local_registry().address
    image = {"dockerfile": f"{SCRATCH}RUN cat /proc/sys/kernel/random/uuid >/made\n", "files": FILES}
    project.images({"qa/green": image}, registry)
    project.must("up", "--yes")
    made = layers(project.state("qa/green")["ref"])
    services.builder.stop()
    services.programs.supervisor.remove("buildkit")
    services.builder.emptied()
    project.images({})
    project.must("up", "--yes")
    project.images({"qa/green": image}, registry)
    project.must("up", "--yes")
    assert layers(project.state("qa/green")["ref"]) == made


def test_a_preview_starts_nothing_and_says_what_it_will_build(project: ImageProject, services: ImageServices) -> None:
    services.stop()
    put(project)
    said = project.call("preview")
    assert "+ Image qa/blue" in said.stderr + said.stdout
    assert not services.running()


def test_what_builds_is_stopped_with_the_last_stack(project: ImageProject, services: ImageServices) -> None:
    services.stop()  # other tests have used them
    put(project)
    project.must("up", "--yes")
    address = services.local_registry().address
    assert set(services.running()) == {"buildkit", "registry"}
    assert answers(address)
    assert services.programs.socket().stat().st_mode & 0o777 == 0o600
    temporary = services.programs.folder.buildkit_temporary
    assert temporary.is_dir()  # BuildKit's own, in place of the machine's
    project.must("down", "--yes")
    assert not temporary.exists()
    assert not services.running()
    assert not answers(address)
    assert not (project.root / ".sluice" / "contexts").exists()


def test_the_stop_verb_stops_and_the_next_up_starts_again(project: ImageProject, services: ImageServices) -> None:
    put(project)
    project.must("up", "--yes")
    project.must("environment", "builder", "stop")
    assert json.loads(project.must("environment", "builder", "status", "--json")) == {}
    put(project, notes="two")
    project.must("up", "--yes")
    assert set(json.loads(project.must("environment", "builder", "status", "--json"))) == {"buildkit", "registry"}

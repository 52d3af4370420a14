"""The engine of this machine, installed where it is missing, runs."""

from __future__ import annotations

import os
import subprocess

import pytest

from sluice.engine.cache import damaged_files
from sluice.engine.doctor import inspect
from sluice.engine.install import ensure_engine, machine_supply
from sluice.engine.parts import Engine

pytestmark = [pytest.mark.process, pytest.mark.engine]


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Minutes where it has to be built, nothing where it is there."""
    return ensure_engine(lambda _line: None)


def test_it_says_its_version(engine: Engine) -> None:
    environ = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    said = subprocess.run([engine.command, "version"], env=environ, capture_output=True, check=True).stdout
    assert said.decode().strip() == f"v{engine.version}"


def test_it_is_found_again_as_it_was(engine: Engine) -> None:
    assert machine_supply().find() == engine
    assert ensure_engine(lambda line: pytest.fail(f"installs again: {line}")) == engine


def test_an_installed_one_is_undamaged_and_has_all_its_parts(engine: Engine) -> None:
    if engine.source == "PATH":
        pytest.skip("the user's own engine is not ours to check")
    assert damaged_files(engine.bin.parent) == ()
    for name in ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python"):
        assert os.access(engine.bin / name, os.X_OK), name


def test_the_language_host_starts(engine: Engine) -> None:
    if engine.language_host is None:
        pytest.skip("this engine brings none")
    argv = [str(engine.language_host), "127.0.0.1:9"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        process.kill()
    assert port.strip().isdigit()


def test_the_doctor_finds_every_needed_part_of_this_machine() -> None:
    found = {part.name: part for part in inspect()}
    for name in ("Pulumi engine", "Pulumi SDK", "Envoy", "supervisor", "uv", "cache"):
        assert found[name].state == "ok", found[name]

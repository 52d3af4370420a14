"""A stack's own say: its weights over the specifications', mirrored traffic, overlays, two stacks, two endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from projects import QUESTION, Project, bearer, lent, port_of, post, wait_until

from sluice.targets.local import gateways
from sluice.targets.local.target import LocalTarget

pytestmark = [pytest.mark.process, pytest.mark.engine]

NAME = "question-answering"
ENDPOINT = "endpoints/qa/endpoint.yaml"
STACK = "stacks/dev/stack.yaml"
ANNEX = """
name: annex
endpoint_name: annex
model:
  path: ../../flows/annex
environment:
  image: mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example without weights in its endpoint's specification, not up yet; the stack prod ends first."""
    with lent(tmp_path_factory.mktemp("stacks") / "p") as project:
        project.edit(ENDPOINT, "traffic:\n  blue: 100\n", "")
        yield project
        project.must("down", "--yes", "--stack", "prod")


def routing(project: Project) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(project.must("traffic", "show", "--json"))
    return shown


def asked(project: Project, deployment: str) -> int:
    """Return how many requests, copies too, the gateway has sent to a deployment."""
    router = gateways.router(LocalTarget.of(project.root, "dev"), NAME)
    return router.admin.requests(deployment).total


def test_a_first_deployment_takes_no_traffic_until_told(library: Project) -> None:
    said = library.must("up", "--yes")

    assert f"open it: sluice traffic set blue=100 --endpoint {NAME}" in said
    closed = library.score()
    assert closed.status == 503
    assert "open it: sluice traffic set" in closed.json()["error"]["message"]
    assert '"answer"' in library.must("invoke", "-d", "green", QUESTION)


def test_all_traffic_goes_to_a_deployment_that_exists(library: Project) -> None:
    for words, status in ((("--all-traffic", "blu"), 1), (("--all-traffic", "blue", "-e", "nowhere"), 1)):
        done = library.call("up", "--yes", *words)
        assert done.returncode == status
        assert "does not exist" in done.stderr
    assert "sluice:traffic" not in (library.root / "stacks/Pulumi.dev.yaml").read_text()

    library.must("up", "--yes", "--all-traffic", "blue")

    assert routing(library)["traffic"] == {"blue": 100, "green": 0}
    assert library.score().deployment == "blue"


def test_weights_that_were_set_survive_the_next_up(library: Project) -> None:
    library.must("traffic", "set", "blue=30", "green=70", "--yes")

    assert "nothing to change" in library.must("up", "--yes")
    assert routing(library)["traffic"] == {"blue": 30, "green": 70}
    assert library.call("preview", "--expect-no-changes").returncode == 0


def test_an_override_that_names_what_is_gone_is_told_as_such(library: Project) -> None:
    kept = {name: (library.root / name).read_text() for name in ("endpoints/qa/green.yaml", "models/qa-green.yaml")}
    for name in kept:
        (library.root / name).unlink()

    done = library.call("preview")

    for name, text in kept.items():
        library.write(name, text)
    assert done.returncode == 1
    for words in ("green, which does not exist", "the stack's override", f"sluice traffic set NAME=100 -e {NAME}"):
        assert words.replace("-e", "--endpoint") in done.stderr


def test_mirrored_traffic_comes_from_the_specification_and_the_stack_overrides_it(library: Project) -> None:
    library.must("traffic", "set", "blue=100", "--yes")
    library.write(ENDPOINT, f"{(library.root / ENDPOINT).read_text()}mirror_traffic:\n  green: 50\n")
    library.must("up", "--yes")
    before, key, port = asked(library, "green"), library.key(), library.port()

    answers = [post(port, QUESTION, bearer(key)) for _ in range(60)]

    assert {(answer.status, answer.deployment) for answer in answers} == {(200, "blue")}
    wait_until(lambda: before < asked(library, "green") < before + 60)
    settings = (library.root / STACK).read_text()
    library.write(STACK, f"{settings}mirrorTraffic:\n  {NAME}:\n    green: 0\n")
    library.must("up", "--yes")
    assert not any(routing(library)["mirror_traffic"].values())
    assert library.call("preview", "--expect-no-changes").returncode == 0


def test_two_stacks_of_one_project_serve_side_by_side(library: Project) -> None:
    """Prod's overlays ask for tokens, one field of the answer, and all traffic on green."""
    library.write("stacks/prod/stack.yaml", "target: local\n")
    weights = "traffic: {green: 100}\nmirror_traffic: {green: 0}\n"
    library.write("stacks/prod/endpoint.yaml", f"name: {NAME}\nauth_mode: aml_token\n{weights}")
    fields = """environment_variables:\n  PROMPTFLOW_RESPONSE_INCLUDED_FIELDS: '["source"]'\n"""
    library.write("stacks/prod/qa/green.yaml", f"name: green\nendpoint_name: {NAME}\n{fields}")

    library.must("up", "--yes", "--stack", "prod")

    prod = json.loads(library.must("status", "--json", "--stack", "prod"))["endpoints"][0]
    token = library.must("token", "--stack", "prod").strip()
    theirs, ours = post(port_of(prod), QUESTION, bearer(token)), library.score()
    assert port_of(prod) != library.port()
    assert (theirs.status, theirs.deployment, list(theirs.json())) == (200, "green", ["source"])
    assert (ours.status, ours.deployment, sorted(ours.json())) == (200, "blue", ["answer", "source"])
    assert library.call("preview", "--expect-no-changes").returncode == 0
    library.must("down", "--yes", "--stack", "prod")
    assert library.score().status == 200
    assert "has no endpoint" in library.must("status", "--stack", "prod")


def test_an_endpoint_that_fails_does_not_stop_another(library: Project) -> None:
    library.write("endpoints/annex/endpoint.yaml", "name: annex\ntraffic: {annex: 100}\n")
    library.write("endpoints/annex/annex.yaml", ANNEX)
    flow = (library.root / "flows/qa-blue/flow.dag.yaml").read_text()
    library.write("flows/annex/flow.dag.yaml", flow)
    library.write("flows/annex/answer.py", "raise RuntimeError('the annex is shut')\n")
    library.edit("endpoints/qa/blue.yaml", '\'["answer", "source"]\'', "'[\"answer\"]'")

    done = library.call("up", "--yes")

    assert done.returncode == 1
    assert "the annex is shut" in done.stderr
    answer = json.loads(library.must("invoke", "--endpoint", NAME, QUESTION))
    assert list(answer) == ["answer"]


def test_verbs_about_one_endpoint_ask_which(library: Project) -> None:
    for verb in (("keys", "show"), ("traffic", "show"), ("invoke", QUESTION), ("logs",), ("token",)):
        done = library.call(*verb)
        assert done.returncode == 2, verb
        assert f"2 endpoints: annex, {NAME}" in done.stderr
        assert "--endpoint" in done.stderr
    done = library.call("keys", "show", "--endpoint", "anex")
    assert done.returncode == 1
    assert "anex does not exist" in done.stderr
    assert "primary" in library.must("keys", "show", "--endpoint", NAME)

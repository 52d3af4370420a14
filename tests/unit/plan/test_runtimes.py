"""Which deployments are processes, which are containers, and what a container is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluice.errors import Mark, SpecError, Unsupported
from sluice.plan.graph import Graph, Output
from sluice.plan.local import Local, plan_local
from sluice.plan.runtimes import PROPERTY, Runtime
from sluice.spec.frozen import frozen_map
from sluice.spec.models import (
    Build,
    CodeConfiguration,
    Deployment,
    Endpoint,
    Environment,
    Flow,
    InferenceConfig,
    Model,
    ModelContent,
    Route,
    SpecSet,
)

AT = Mark("endpoints/qa/blue.yaml", 3, 1)
ENVIRONMENT_AT = Mark("endpoints/qa/blue.yaml", 7, 3)
FLOW = Model(AT, path=Path("/p/flow"), content=ModelContent("1" * 64, frozen_map(), Flow(Path("flow.dag.yaml"))))
FILES = Model(AT, path=Path("/p/half"), content=ModelContent("2" * 64, frozen_map({"a": Path("/p/half/a")})))
FILE = Model(AT, path=Path("/p/one.pkl"), content=ModelContent("3" * 64, frozen_map({"one.pkl": Path("/p/one.pkl")})))
CODE = CodeConfiguration(Path("/p/code"), "score.py", ModelContent("4" * 64, frozen_map()))
SERVER = InferenceConfig(Route("/live", 9000), Route("/ready", 9000), Route("/predict", 9000))
OWN = Environment(ENVIRONMENT_AT, image="own:1", inference_config=SERVER)


def planned(runtime: Runtime = Runtime.DOCKER, built: str | None = None, **blue: Any) -> Graph:
    usual: dict[str, Any] = {"model": FLOW, "environment": Environment(AT, image="pf:1")}
    deployment = Deployment("blue", "qa", AT, **(usual | blue))
    local = Local(runtime, frozen_map({"qa/blue": built} if built else {}))
    return plan_local(SpecSet(Path("/p"), frozen_map({"qa": Endpoint("qa", AT)}), (deployment,)), {}, {}, local)


def properties(graph: Graph, kind: str) -> dict[str, Any]:
    [one] = graph.of(kind)
    return dict(one.properties)


def chosen(runtime: str) -> dict[str, Any]:
    return {"properties": frozen_map({PROPERTY: runtime})}


@pytest.mark.parametrize(
    ("stack", "deployment", "is_"),
    [
        ("process", {}, "process"),
        ("docker", {}, "docker"),
        ("process", chosen("docker"), "docker"),
        ("docker", chosen("process"), "process"),
    ],
)
def test_a_deployment_chooses_before_its_stack(stack: str, deployment: dict[str, Any], is_: str) -> None:
    graph = planned(Runtime(stack), **deployment)

    assert properties(graph, "Deployment")["runtime"] == is_
    assert properties(graph, "Environment")["runtime"] == is_


def test_a_word_that_is_no_runtime_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError, match="'podman'") as refused:
        planned(**chosen("podman"))

    assert "process or docker" in refused.value.remedy
    assert refused.value.at


def test_routes_mean_a_server_of_its_own_only_where_nothing_else_says_how_to_serve() -> None:
    kinds = [
        properties(planned(environment=OWN, **more), "Deployment")["server"]
        for more in ({"model": FILES}, {"model": None}, {"model": FLOW}, {"model": FILES, "code_configuration": CODE})
    ]

    assert kinds == ["container", "container", "flow", "scoring_script"]


def test_the_routes_of_a_container_are_told() -> None:
    deployment = properties(planned(environment=OWN, model=FILES, model_mount_path="/models"), "Deployment")

    assert deployment["routes"] == {"liveness": "/live", "readiness": "/ready", "scoring": "/predict", "port": 9000}
    assert deployment["modelMountPath"] == "/models"
    assert deployment["model"]["folder"] == "half"


def test_a_model_of_one_file_has_no_folder() -> None:
    assert properties(planned(environment=OWN, model=FILE), "Deployment")["model"]["folder"] is None


@pytest.mark.parametrize(
    ("config", "routes"),
    [
        (InferenceConfig(None, None, Route("score", 80)), ("/", "/", "/score")),
        (InferenceConfig(Route("/a", 80), None, Route("/s", 80)), ("/a", "/a", "/s")),
        (InferenceConfig(None, Route("/b", 80), Route("/s", 80)), ("/b", "/b", "/s")),
    ],
)
def test_routes_that_are_left_out(config: InferenceConfig, routes: tuple[str, str, str]) -> None:
    environment = Environment(AT, image="own:1", inference_config=config)

    found = properties(planned(environment=environment, model=None), "Deployment")["routes"]

    assert (found["liveness"], found["readiness"], found["scoring"]) == routes


def test_routes_on_several_ports_are_refused() -> None:
    config = InferenceConfig(Route("/a", 80), Route("/b", 80), Route("/s", 81))

    with pytest.raises(Unsupported, match="80, 81"):
        planned(environment=Environment(AT, image="own:1", inference_config=config), model=None)


def test_a_container_with_its_own_server_is_refused_as_a_process_with_both_ways_out() -> None:
    with pytest.raises(Unsupported, match="inference_config") as refused:
        planned(Runtime.PROCESS, environment=OWN, model=FILES)

    assert "runtime: docker" in refused.value.remedy
    assert "sluice.runtime: docker" in refused.value.remedy


@pytest.mark.parametrize("environment", [None, Environment(AT, build=Build(Path("/p/context")))])
def test_a_container_without_an_image_is_refused(environment: Environment | None) -> None:
    with pytest.raises(Unsupported, match="neither its environment nor its flow"):
        planned(environment=environment)


def test_an_image_that_is_built_stands_before_the_environment_that_runs_it() -> None:
    graph = planned(built="qa/blue", environment=None)

    assert [one.key for one in graph.of("Image")] == ["Image:qa/blue"]
    [environment] = graph.of("Environment")
    assert environment.properties["image"] == Output("Image:qa/blue", "ref")
    assert environment.needs == ("Image:qa/blue",)


def test_processes_need_no_image() -> None:
    assert not planned(Runtime.PROCESS, built="qa/blue").of("Image")


def test_an_image_that_is_ready_is_run_as_it_is() -> None:
    environment = properties(planned(), "Environment")

    assert (environment["image"], environment["requirements"]) == ("pf:1", [])


def test_an_image_that_the_flow_names_is_run_where_the_environment_names_none() -> None:
    flow = Flow(Path("flow.dag.yaml"), image="of-the-flow:1")
    model = Model(AT, path=Path("/p/flow"), content=ModelContent("1" * 64, frozen_map(), flow))

    assert properties(planned(model=model, environment=None), "Environment")["image"] == "of-the-flow:1"
    assert properties(planned(model=model), "Environment")["image"] == "pf:1"

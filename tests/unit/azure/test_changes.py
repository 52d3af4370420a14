"""What may change in place on Azure, and what is refused before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.unit.azure.conftest import DEPLOYMENT, Files

from sluice.errors import ImmutableModel, TrafficRefused
from sluice.plan.azure_changes import refuse_replacements, replaced
from sluice.plan.graph import Graph

Planner = Callable[..., Graph]
BLUE = "OnlineDeployment:answers/blue"


def bodies(graph: Graph) -> dict[str, Mapping[str, Any]]:
    found = {one.key: one.properties["body"] for one in graph.resources if "body" in one.properties}
    return {key: body for key, body in found.items() if isinstance(body, Mapping)}


def resized(files: Files) -> Files:
    return {**files, "endpoints/answers/blue.yaml": DEPLOYMENT.replace("DS3", "DS4")}


def test_what_is_planned_again_is_no_change(plan: Planner, stack: Files) -> None:
    graph = plan(stack)
    assert all(replaced(one, bodies(graph).get(one.key, {})) == () for one in graph.of("OnlineDeployment"))
    refuse_replacements(graph, bodies(graph), {"answers": {"blue": 100}})


def test_another_size_of_a_deployment_that_takes_traffic_is_refused(plan: Planner, stack: Files) -> None:
    before = bodies(plan(stack))
    with pytest.raises(
        TrafficRefused, match=r"blue of endpoint answers takes 40 % .* instanceType in place"
    ) as refused:
        refuse_replacements(plan(resized(stack)), before, {"answers": {"blue": 40, "green": 60}})
    assert "new name" in refused.value.remedy


def test_without_traffic_a_deployment_may_be_made_anew(plan: Planner, stack: Files) -> None:
    refuse_replacements(plan(resized(stack)), bodies(plan(stack)), {"answers": {"blue": 0, "green": 100}})


def test_a_scale_or_a_variable_changes_in_place(plan: Planner, stack: Files) -> None:
    changed = DEPLOYMENT.replace("instance_count: 1", "instance_count: 5").replace("token}", "other}")
    files = {**stack, "endpoints/answers/blue.yaml": changed}
    refuse_replacements(plan(files), bodies(plan(stack)), {"answers": {"blue": 100}})


def test_azures_way_of_writing_a_size_is_no_change(plan: Planner, stack: Files) -> None:
    before = bodies(plan(stack))
    properties = {**before[BLUE]["properties"], "instanceType": "STANDARD_DS3_V2"}
    told = {**before, BLUE: {**before[BLUE], "location": "West Europe", "properties": properties}}
    refuse_replacements(plan(stack), told, {"answers": {"blue": 100}})


def test_a_version_keeps_its_content(plan: Planner, stack: Files) -> None:
    before = bodies(plan(stack))
    changed = {**stack, "flows/chat/ask.py": stack["flows/chat/ask.py"] + "\n# more\n"}
    with pytest.raises(ImmutableModel, match="model chat has version 1 already, with another modelUri"):
        refuse_replacements(plan(changed), before, {})


def test_a_new_version_is_fine(plan: Planner, stack: Files) -> None:
    before = bodies(plan(stack))
    newer = {
        **stack,
        "models/chat.yaml": stack["models/chat.yaml"].replace("version: 1", "version: 2"),
        "endpoints/answers/blue.yaml": DEPLOYMENT.replace("azureml:chat:1", "azureml:chat:2"),
        "flows/chat/ask.py": stack["flows/chat/ask.py"] + "\n# more\n",
    }
    refuse_replacements(plan(newer), before, {"answers": {"blue": 100}})

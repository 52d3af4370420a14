"""A try after a failure is counted in what is tried again, and in nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.plan.azure_retries import ATTEMPT, retried
from sluice.plan.graph import Graph, Resource


def planned(**properties: Any) -> Graph:
    body = {"location": "westeurope", "properties": {"instanceType": "Standard_DS3_v2", **properties}}
    return Graph((Resource("OnlineDeployment", "answers/blue", {"id": "/blue", "body": body}),))


def tried(graph: Graph) -> Any:
    body: Any = graph.resources[0].properties["body"]
    return body["properties"].get("properties")


@pytest.mark.parametrize(
    ("before", "counted"),
    [
        ({}, None),
        ({"provisioningState": "Succeeded"}, None),
        ({"provisioningState": "Failed"}, "1"),
        ({"provisioningState": "canceled", "properties": {ATTEMPT: "1"}}, "2"),
        ({"provisioningState": "Succeeded", "properties": {ATTEMPT: "2"}}, "2"),
        ({"provisioningState": "Failed", "properties": {ATTEMPT: "many"}}, "1"),
    ],
)
def test_what_failed_is_tried_once_more(before: dict[str, Any], counted: str | None) -> None:
    graph = retried(planned(properties={"team": "search"}), {"OnlineDeployment:answers/blue": {"properties": before}})
    assert tried(graph) == {"team": "search", **({ATTEMPT: counted} if counted else {})}


def test_what_is_not_there_is_left_as_planned() -> None:
    graph = planned()
    assert retried(graph, {}) == graph

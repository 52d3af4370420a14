"""The whole graph of each example, as it was agreed on. After a wished change: pytest --snapshot-update."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from sluice.plan.graph import Output
from sluice.plan.local import Goal, plan_local
from sluice.spec.load import check, load_specs
from sluice.spec.terms import SecretReference
from sluice.traffic.weights import goal

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def shown(value: object) -> object:
    """A planned property for the eye; content hashes change with every comma, so they are left out."""
    if isinstance(value, SecretReference):
        return f"secret {value.scheme}:{value.name}"
    if isinstance(value, Output):
        return f"{value.property} of {value.resource}"
    if isinstance(value, Mapping):
        return {key: shown(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(child) for child in value]
    return "a hash" if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) else value


@pytest.mark.parametrize("example", ["chat", "mlflow-model", "question-answering", "scoring-script"])
def test_graph(example: str, snapshot: SnapshotAssertion) -> None:
    specs = load_specs(EXAMPLES / example)
    check(specs)
    goals = {
        one.name: Goal(goal(one.traffic, None, [d.name for d in specs.deployments if d.endpoint_name == one.name]))
        for one in specs.endpoints.values()
    }
    graph = plan_local(specs, goals, {})
    planned = [
        {
            "key": one.key,
            "group": one.group,
            "needs": list(one.needs),
            "properties": {name: shown(value) for name, value in one.properties.items()},
        }
        for one in graph.resources
    ]
    assert planned == snapshot(extension_class=JSONSnapshotExtension)

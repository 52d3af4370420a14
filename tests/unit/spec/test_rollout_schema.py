"""What the schema of rollout.yaml promises is what the values of `sluice.spec.rollout` are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import pytest
import yaml

from sluice.rollout.models import Phase
from sluice.spec.kinds import Kind
from sluice.spec.parse import parse_documents
from sluice.spec.quantities import seconds, share
from sluice.spec.rollout import Evaluate, Load, MetricRule, Parity, Record, Rollout, Webhook
from sluice.spec.schema import read_schema, schema_file

DEFAULTS: Mapping[tuple[str, ...], type] = {
    (): Rollout,
    ("$defs", "step", "properties", "evaluate"): Evaluate,
    ("$defs", "step", "properties", "webhook", "oneOf", "1"): Webhook,
    ("$defs", "step", "properties", "load"): Load,
    ("$defs", "step", "properties", "parity"): Parity,
    ("properties", "record"): Record,
    ("$defs", "metric"): MetricRule,
}
UNITS = {"timeout": "timeout_s", "wait": "wait_s", "fast_track": "fast_track_s", "deadline": "deadline_s"}


@pytest.mark.parametrize(("path", "model"), list(DEFAULTS.items()))
def test_defaults_of_the_schema_are_those_of_the_model(path: tuple[str, ...], model: type) -> None:
    schema: Any = read_schema(schema_file(Kind.ROLLOUT))
    for step in path:
        schema = schema[int(step)] if isinstance(schema, list) else schema[step]
    known = {one.name: one.default for one in fields(model) if one.default is not MISSING}
    quiet = dict(_written(schema["properties"]))

    for key, written in quiet.items():
        name = UNITS.get(key, f"{key}_s" if f"{key}_s" in known else key)
        if name in known and name != "worse_by":  # of errors and latency, which differ
            assert _read(key, written) == known[name], key


def _written(properties: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (key, schema["default"]) for key, schema in properties.items() if schema.get("default") not in (None, {}, [])
    ]


def _read(key: str, written: Any) -> Any:
    node = parse_documents(yaml.safe_dump(written), "f.yaml")[0]
    if key == "quantile" or str(written).endswith("%"):
        return share(node)
    return seconds(node) if isinstance(written, str) and written[0].isdigit() else written


def test_the_events_of_the_schema_are_the_phases() -> None:
    notify = read_schema(schema_file(Kind.ROLLOUT))["properties"]["notify"]["items"]["properties"]

    assert set(notify["events"]["items"]["enum"]) == {phase.value for phase in Phase}

"""What a variable that refers to a connection holds when the server starts."""

from __future__ import annotations

import json

import pytest

from sluice.errors import NotFound
from sluice.targets.local.secrets import injected

BUNDLES = {"model": {"type": "open_ai", "configs": {"base_url": "http://x/v1"}, "secrets": {"api_key": "s3"}}}


def reference(path: str) -> str:
    return "${{azureml://connections/model" + path + "}}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/credentials/api_key", "s3"),
        ("/credentials/key", "s3"),
        ("/metadata/base_url", "http://x/v1"),
        ("/target", "http://x/v1"),
    ],
)
def test_a_part_of_a_connection_takes_the_place_of_its_reference(path: str, value: str) -> None:
    assert injected({"KEY": reference(path), "OTHER": "plain"}, BUNDLES, whole=False) == {"KEY": value}


def test_all_of_a_connection_is_json_unless_the_flow_reads_it_by_name() -> None:
    whole = injected({"ALL": reference("")}, BUNDLES, whole=True)
    assert json.loads(whole["ALL"]) == {"type": "open_ai", "base_url": "http://x/v1", "api_key": "s3"}
    assert injected({"ALL": reference("")}, BUNDLES, whole=False) == {}


def test_a_field_the_connection_has_not_is_named_without_its_secrets() -> None:
    with pytest.raises(NotFound, match="model has no credentials/password") as caught:
        injected({"KEY": reference("/credentials/password")}, BUNDLES, whole=False)
    assert "s3" not in str(caught.value)

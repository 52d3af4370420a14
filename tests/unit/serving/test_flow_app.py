"""The choice of connections and gunicorn's settings, without prompt flow."""

from __future__ import annotations

import pytest

from sluice.targets.local.serving.flow_app import (
    ConnectionNotGranted,
    granted_connections,
    granted_name,
    parse,
    server_settings,
)
from sluice.targets.local.serving.scoring_script_app import gunicorn_arguments

SECRET = "s3cr3t-value"
GRANTED = {"chat": {"secrets": {"api_key": SECRET}}, "other one": {}}


def test_a_connection_stands_under_the_name_the_flow_uses() -> None:
    assert granted_name("chat", GRANTED, {"chat": "other one"}) == "chat"


@pytest.mark.parametrize("value", ["chat", "${{azureml://connections/chat}}", " ${{ azureml://connections/chat }} "])
def test_a_name_planning_did_not_see_is_looked_up_in_the_environment(value: str) -> None:
    assert granted_name("judge", GRANTED, {"judge": value}) == "chat"


def test_a_space_in_a_name_is_an_underscore_in_the_environment() -> None:
    assert granted_name("the judge", GRANTED, {"the_judge": "other one"}) == "other one"


def test_a_connection_that_was_not_granted_is_named_and_no_secret_told() -> None:
    with pytest.raises(ConnectionNotGranted, match=r"'judge'.*not granted.*chat, other one") as refused:
        granted_name("judge", GRANTED, {})

    assert SECRET not in str(refused.value)


def test_the_override_that_led_nowhere_is_named() -> None:
    with pytest.raises(ConnectionNotGranted, match="'gone', to which the environment variable 'judge'"):
        granted_name("judge", GRANTED, {"judge": "${{azureml://connections/gone}}"})


def test_without_the_variable_nothing_is_granted() -> None:
    assert granted_connections({}) == {}


def test_a_thread_takes_one_connection_at_a_time_under_flask() -> None:
    settings = server_settings(parse(["--folder=f", "--port=1", "--workers=3", "--threads=2"]))

    assert settings["bind"] == "127.0.0.1:1"
    assert (settings["workers"], settings["threads"], settings["worker_connections"]) == (3, 2, 2)
    assert settings["keepalive"] == 0


def test_fastapi_keeps_connections_longer_than_the_gateway() -> None:
    settings = server_settings(parse(["--folder=f", "--port=1", "--engine=fastapi"]))

    assert settings["keepalive"] > 60
    assert "worker_connections" not in settings


def test_a_newer_gunicorn_opens_no_control_socket() -> None:
    assert gunicorn_arguments(frozenset({"control_socket_disable"}), "") == "--graceful-timeout=300 --no-control-socket"
    assert gunicorn_arguments(frozenset(), "--threads=2") == "--graceful-timeout=300 --threads=2"

"""Logs followed, and a vague answer: what the service does where a verb can't show it in a test."""

from __future__ import annotations

from itertools import islice

import pytest
from tests.azure.conftest import Client
from tests.azure.scenes import running
from tests.azure.simulator.world import Fault
from tests.unit.azure.conftest import SITE

from sluice.errors import NotFound
from sluice.targets.azure.errors import AzureFailed
from sluice.targets.azure.logs import follow_logs, read_logs, why_failed
from sluice.targets.azure.service import AzureService

BLUE = "answers/blue/InferenceServer"


def test_logs_are_followed_by_asking_again(client: Client) -> None:
    above = f"{running(client.world, 'blue')}/deployments/blue"
    log = client.world.logs[BLUE] = ["one", "two"]

    def grow(waits: int) -> None:
        log.extend([["three"], [], ["four", "five"]][waits])

    client.clock.after = grow
    seen = read_logs(client.arm, above, "inference-server", 50)
    assert [*islice(follow_logs(client.arm, above, "inference-server", seen), 3)] == [("three",), (), ("four", "five")]
    assert client.clock.waits == [5, 5, 5]


def test_throttling_does_not_end_following(client: Client) -> None:
    above = f"{running(client.world, 'blue')}/deployments/blue"
    client.world.logs[BLUE] = ["one"]
    client.world.faults = [Fault("POST", "getLogs", 429, times=2, headers={"Retry-After": "3"})]
    assert next(follow_logs(client.arm, above, "inference-server", ())) == ("one",)
    assert client.clock.waits == [5, 3, 3]


def test_a_container_that_never_ran_does_not_hide_the_other(client: Client) -> None:
    above = f"{running(client.world, 'blue')}/deployments/blue"
    client.world.logs[BLUE] = ["ImportError: no"]
    client.world.faults = [Fault("POST", "getLogs", 400)]
    cause = why_failed(client.arm, above)
    assert cause is not None
    assert (cause.container, cause.line) == ("inference-server", "ImportError: no")


def test_the_first_container_is_looked_at_first(client: Client) -> None:
    above = f"{running(client.world, 'blue')}/deployments/blue"
    client.world.logs |= {BLUE: ["Error: b"], BLUE.replace("InferenceServer", "StorageInitializer"): ["Error: a"]}
    cause = why_failed(client.arm, above)
    assert cause is not None
    assert cause.line == "Error: a"


def test_a_key_is_replaced_once_even_where_the_answer_is_lost(client: Client) -> None:
    running(client.world, "blue")
    client.world.faults = [Fault("POST", "regenerateKeys", 0, after=True)]
    service = AzureService(client.arm, SITE)
    with pytest.raises(AzureFailed, match="does not answer"):
        service.regenerate("answers", "primary")
    assert service.keys("answers") == ("answers-1new", "answers-2")


def test_an_endpoint_that_is_not_there(client: Client) -> None:
    with pytest.raises(NotFound, match="workspace space has no endpoint other"):
        AzureService(client.arm, SITE).describe("other")


def test_of_all_deployments_those_that_failed_say_why(client: Client) -> None:
    above = running(client.world, "blue", "green")
    client.world.must(f"{above}/deployments/blue").body["properties"]["provisioningState"] = "Failed"
    client.world.logs[BLUE] = ["ImportError: no"]
    ((name, cause),) = AzureService(client.arm, SITE).failures(["answers"])
    assert (name, cause.line) == ("answers/blue", "ImportError: no")

"""Advice says its reason and its number, and only where it concerns the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluice.errors import Mark, UsageError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.files import validate_files
from sluice.spec.frozen import frozen_map
from sluice.spec.load import load_specs
from sluice.spec.models import (
    Deployment,
    Endpoint,
    Flow,
    FlowConnectionUse,
    Model,
    ModelContent,
    RequestSettings,
    ScaleSettings,
    SpecSet,
)
from sluice.spec.rules.advice import advice
from sluice.spec.rules.advice_quota import needed_cores, read_quota
from sluice.spec.rules.skus import FAMILIES, SIZES, has_shape, size_of
from sluice.spec.settings import StackSettings

Project = Callable[[Mapping[str, str]], Path]

AT = Mark("blue.yaml")
FLOW = Model(AT, path=Path("flow"), content=ModelContent("1" * 64, frozen_map(), Flow(Path("flow.dag.yaml"))))
READING = Flow(Path("flow.dag.yaml"), (FlowConnectionUse("chat", "ask"),))
READER = replace(FLOW, content=ModelContent("1" * 64, frozen_map(), READING))
AZURE = StackSettings("prod", Mark("stacks/prod/stack.yaml"), target="azure")
LOCAL = replace(AZURE, target="local")
ENOUGH = {"standardDSv2Family": 10**6}


def deployment(name: str = "blue", **fields: Any) -> Deployment:
    given: dict[str, Any] = {"model": FLOW, "instance_type": "Standard_DS3_v2", "instance_count": 1} | fields
    if "environment_variables" in given:
        given["environment_variables"] = frozen_map(given["environment_variables"])
    return Deployment(name, "chat", AT, **given)


def advised(
    *deployments: Deployment, settings: StackSettings = AZURE, quota: Mapping[str, int] | None = ENOUGH
) -> list[Diagnostic]:
    return list(advice(SpecSet(Path("/p"), deployments=deployments), settings, quota))


def codes(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(one.severity, one.code) for one in found]


def test_nothing_is_said_of_what_is_well() -> None:
    assert advised(deployment()) == []
    assert advised(deployment(), settings=LOCAL, quota=None) == []


@pytest.mark.parametrize(
    ("size", "instances", "cores"),
    [
        ("Standard_DS3_v2", 10, 48),  # the document's own example
        ("Standard_DS3_v2", 1, 8),
        ("Standard_DS3_v2", 5, 24),
        ("Standard_DS3_v2", 6, 32),
        ("standard_nc24ads_a100_v4", 3, 72),
    ],
)
def test_quota_takes_the_reserve_for_updates(size: str, instances: int, cores: int) -> None:
    found = size_of(size)

    assert found is not None
    assert needed_cores(found, instances) == cores


def test_quota_is_summed_over_blue_and_green_of_a_family() -> None:
    blue, green = deployment(instance_count=10), deployment("green", instance_type="Standard_DS5_v2")
    other = deployment("other", instance_type="Standard_E16s_v3")

    [found] = advised(blue, green, other, quota={"standardDSv2Family": 79, "standardESv3Family": 32})

    assert (found.severity, found.code) == ("error", "quota")
    assert found.message == (
        "80 cores of standardDSv2Family are needed (chat/blue: ceil(1.2 x 10) x 4 = 48; chat/green: ceil(1.2 x 1) x 16"
        " = 32), the quota is 79"
    )
    assert advised(blue, green, other, quota={"standardDSv2Family": 80, "standardESv3Family": 32}) == []


def test_quota_that_nobody_told_is_a_warning_on_azure_only() -> None:
    assert codes(advised(deployment(), quota=None)) == [("warning", "quota")]
    assert advised(deployment(), settings=LOCAL, quota=None) == []
    assert codes(advised(deployment(), settings=LOCAL, quota={"standardDSv2Family": 1})) == [("error", "quota")]


def test_an_exempt_size_has_no_reserve_and_kubernetes_no_quota() -> None:
    [found] = advised(deployment(instance_type="Standard_NC24ads_A100_v4", instance_count=3), quota=None)

    assert "chat/blue: 3 x 24 = 72" in found.message
    assert advised(deployment(type="kubernetes", instance_type="gpu"), quota=None) == []
    assert codes(advised(deployment(instance_type="Standard_D2_v9"), quota=None)) == [("note", "quota")]


def test_quota_as_it_is_written() -> None:
    given = ["standardDSv2Family=48", "STANDARD ndamsv4_a100family = 96"]

    assert read_quota(given) == {"standardDSv2Family": 48, "standard NDAMSv4_A100Family": 96}


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("standardDSv2Family", "family=cores"),
        ("standardDSv2Family=many", "family=cores"),
        ("standardDSv3Family=4", "Did you mean"),
        ("Standard_DS3_v2=4", "`standardDSv2Family`"),
        ("x=4", "Families: standardDASv4Family"),
    ],
)
def test_quota_that_is_none(given: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_quota([given])

    assert remedy in caught.value.remedy


def test_production_asks_for_three_instances() -> None:
    production = replace(AZURE, production=True)

    [found] = advised(deployment(instance_count=2), settings=production)

    assert (found.severity, found.code) == ("warning", "high-availability")
    assert "is 2 in a stack marked production; high availability takes at least 3" in found.message
    assert advised(deployment(instance_count=3), settings=production) == []
    assert codes(advised(deployment(), settings=replace(LOCAL, production=True), quota=None)) == [
        ("warning", "high-availability")
    ]
    scaled = deployment(type="kubernetes", scale_settings=ScaleSettings("target_utilization", 2, 9), instance_count=5)
    assert "`scale_settings.min_instances` of `blue` is 2" in advised(scaled, settings=production)[0].message


def with_workers(workers: str | None = None, threads: str | None = None, at_once: int | None = None) -> Deployment:
    names = {"PROMPTFLOW_WORKER_NUM": workers, "PROMPTFLOW_WORKER_THREADS": threads}
    variables = {name: value for name, value in names.items() if value is not None}
    settings = RequestSettings(max_concurrent_requests_per_instance=at_once)
    return deployment(environment_variables=variables, request_settings=settings)


def test_workers_are_at_most_twice_the_cores() -> None:
    [found] = advised(with_workers("9", at_once=9))

    assert (found.severity, found.code) == ("warning", "workers")
    assert "is 9; Standard_DS3_v2 has 4 cores, and 2 x 4 = 8 workers are the most" in found.message
    assert advised(with_workers("8", at_once=8)) == []
    assert advised(with_workers("9", at_once=9), settings=LOCAL, quota=None) == []


def test_threads_ask_for_a_flow_that_is_safe_for_them_on_every_target() -> None:
    both = [advised(with_workers("2", "3", 6)), advised(with_workers("2", "3", 6), settings=LOCAL, quota=None)]

    assert [codes(found) for found in both] == [[("warning", "worker-threads")]] * 2
    assert "is 3: 3 requests share one process" in both[0][0].message


@pytest.mark.parametrize(
    ("latency", "at_once", "said"),
    [
        (None, 4, None),
        (None, 8, None),
        (None, 10, "is 10; whatever a request takes, the number that fits is: 4 to 8 (workers x threads = 4 x 1 = 4)"),
        (None, 3, "is 3;"),
        (None, None, "is 10 by default;"),
        (2000, 4, None),
        (2000, 5, "a request takes 2000 ms, over 200 ms (1 s across regions), so the number that fits is: 4 ("),
        (200, 6, None),
        (200, 8, None),
        (200, 5, "a request takes 200 ms, at most 200 ms"),
        (1000, 4, None),
        (1000, 9, "a request takes 1000 ms, between 200 ms and 1 s"),
    ],
)
def test_requests_in_flight_follow_workers_and_latency(
    latency: int | None, at_once: int | None, said: str | None
) -> None:
    settings = replace(AZURE, latency=frozen_map({"chat": latency} if latency else {}))

    found = advised(with_workers("4", at_once=at_once), settings=settings)

    assert codes(found) == ([("warning", "concurrency")] if said else [])
    assert said is None or said in found[0].message


def test_between_the_two_latencies_more_is_a_note() -> None:
    found = advised(with_workers("4", at_once=8), settings=replace(AZURE, latency=frozen_map({"chat": 800})))

    assert codes(found) == [("note", "concurrency")]
    assert "for callers in the same region 4 would do" in found[0].message


def test_workers_are_as_many_as_cores_where_nothing_else_is_said() -> None:
    assert "4 x 1 = 4" in advised(with_workers(at_once=20))[0].message
    assert advised(deployment(model=None, request_settings=RequestSettings(5000, 20))) == []
    assert advised(replace(with_workers(at_once=20), instance_type="Standard_D2_v9"), quota=ENOUGH)[0].code == "quota"


def test_application_insights_is_set_once() -> None:
    variables = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "secret"}

    found = advised(deployment(app_insights_enabled=True, environment_variables=variables))

    assert codes(found) == [("warning", "insights-twice"), ("note", "insights-unlinked")]
    assert "secret" not in "".join(one.message + one.remedy for one in found)
    assert advised(deployment(environment_variables=variables)) == []


def test_an_instance_that_may_be_missing_is_noted_once() -> None:
    found = advised(deployment(app_insights_enabled=True), deployment("green", app_insights_enabled=True))

    assert codes(found) == [("note", "insights-unlinked")]
    assert "2 deployments" in found[0].message


def test_managed_endpoints_know_managed_networks_only() -> None:
    endpoints = frozen_map({"chat": Endpoint("chat", AT, public_network_access="disabled")})
    specs = SpecSet(Path("/p"), endpoints, (deployment(egress_public_network_access="disabled"),))

    found = list(advice(specs, AZURE, ENOUGH))

    assert codes(found) == [("warning", "managed-network"), ("note", "managed-network")]


def test_a_flow_with_connections_finds_its_workspace() -> None:
    [found] = advised(deployment(model=READER))

    assert (found.severity, found.code) == ("warning", "config-override")
    assert "reads the connections chat" in found.message
    assert advised(deployment(model=READER), settings=LOCAL, quota=None) == []
    assert advised(deployment(model=READER, environment_variables={"PRT_CONFIG_OVERRIDE": "x"})) == []


LOCAL_FILES = {
    "endpoints/chat/endpoint.yaml": "name: chat\n",
    "endpoints/chat/blue.yaml": """name: blue
endpoint_name: chat
environment: {image: i}
instance_type: Standard_DS3_v2
instance_count: 1
app_insights_enabled: true
model_mount_path: /mnt/model
request_settings:
  max_queue_wait_ms: 100
data_collector: {collections: {model_inputs: {enabled: 'True'}}}
""",
}


def test_keys_that_do_nothing_on_this_machine_are_told_at_their_lines(project: Project) -> None:
    specs = load_specs(project(LOCAL_FILES))

    found = advice(specs, LOCAL)

    assert [(one.at.line, one.code) for one in found] == [(line, "no-effect-here") for line in (6, 7, 9, 10)]
    assert found[0].message == "`app_insights_enabled` does nothing on this machine"
    in_containers = advice(specs, replace(LOCAL, runtime="docker"))
    assert [one.at.line for one in in_containers] == [6, 9, 10]
    assert not [one for one in advice(specs, AZURE) if one.code == "no-effect-here"]


def test_a_file_by_itself_gets_the_advice_that_needs_no_other(project: Project) -> None:
    written = LOCAL_FILES["endpoints/chat/blue.yaml"].replace("  max_queue_wait_ms: 100\n", "  request_timeout_ms: 1\n")
    root = project({"blue.yaml": written + "environment_variables: {PROMPTFLOW_WORKER_NUM: '9'}\n"})

    [result] = validate_files(root, [root / "blue.yaml"])

    assert ("workers", "environment_variables.PROMPTFLOW_WORKER_NUM") in {
        (one.diagnostic.code, one.key) for one in result.findings
    }
    assert result.ok


def test_the_list_of_sizes() -> None:
    assert len(SIZES) == 85
    assert {size.family for size in SIZES if size.exempt} < set(FAMILIES)
    assert all(has_shape(size.name) for size in SIZES)
    assert size_of("STANDARD_ds3_V2") == ("Standard_DS3_v2", "standardDSv2Family", 4, False)


@pytest.mark.parametrize(
    "name", ["Standard_D2", "Basic_A1", "ds3_v2", "Standard_M416-208s_v2", "Standard_ND96isr_MI300X_v5"]
)
def test_what_may_be_a_size(name: str) -> None:
    assert has_shape(name)


@pytest.mark.parametrize("name", ["Standard_Bogus_v9", "large", "Standard_", "4", "Standard DS3 v2", "x" * 99])
def test_what_is_no_size(name: str) -> None:
    assert not has_shape(name)

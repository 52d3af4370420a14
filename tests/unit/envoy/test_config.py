"""The generated configuration: what follows from what, without an Envoy."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import GatewayFailed, TrafficRefused, Unsupported
from sluice.spec.models import Probe
from sluice.targets.local.envoy.bootstrap import GatewayPaths, bootstrap, envoy_command
from sluice.targets.local.envoy.clusters import backends_of, cluster_name, clusters, deployment_of
from sluice.targets.local.envoy.desired import Backend, Gateway, KeyAuth, TokenAuth
from sluice.targets.local.envoy.door import auth_filter, listener
from sluice.targets.local.envoy.files import Live, Xds, read_live, resource_file, write_all, write_resources
from sluice.targets.local.envoy.routes import remembered, route_configuration
from sluice.traffic.router import Routing

PROBES = st.builds(
    Probe,
    initial_delay=st.integers(0, 60),
    period=st.integers(1, 60),
    timeout=st.integers(1, 60),
    success_threshold=st.integers(1, 5),
    failure_threshold=st.integers(1, 30),
)
BACKENDS = st.builds(
    Backend,
    deployment=st.sampled_from(["blue", "green", "next-2"]),
    ports=st.lists(st.integers(1, 65535), max_size=4).map(tuple),
    health_path=st.sampled_from(["/health", "/ping"]),
    score_path=st.sampled_from(["/score", "/invocations"]),
    timeout_ms=st.integers(1, 300_000),
    max_concurrent=st.integers(1, 200),
    probe=PROBES,
    keepalive_s=st.sampled_from([0.0, 4.0, 75.0]),
)
BLUE, GREEN, NEXT = (Backend(name, (port,)) for name, port in (("blue", 1), ("green", 2), ("next", 3)))
ALL = {"blue": BLUE, "green": GREEN, "next": NEXT}


@st.composite
def weights(draw: st.DrawFn) -> dict[str, int]:
    first = draw(st.integers(0, 100))
    second = draw(st.integers(0, 100 - first))
    return dict(draw(st.permutations([("blue", first), ("green", second), ("next", 100 - first - second)])))


def routes(deployments: dict[str, Backend], routing: Routing) -> list[dict[str, Any]]:
    configuration = route_configuration("shop", deployments, routing)
    found: list[dict[str, Any]] = configuration["virtual_hosts"][0]["routes"]
    return found


def chosen(found: list[dict[str, Any]], number: int) -> str:
    """What Envoy does: the first route whose fraction holds the request's random number."""
    for route in found:
        fraction = route["match"].get("runtime_fraction", {"default_value": {"numerator": 100}})
        if "headers" not in route["match"] and number < fraction["default_value"]["numerator"]:
            return str(route["name"])
    raise AssertionError("no route")


@given(st.lists(BACKENDS, max_size=4))
def test_clusters_say_what_they_were_made_from(backends: list[Backend]) -> None:
    resources = json.loads(json.dumps(clusters(backends)))
    assert backends_of(resources) == {cluster_name(one): one for one in backends}
    assert {deployment_of(one["name"]) for one in resources} == {one.deployment for one in backends}


@given(BACKENDS, BACKENDS)
def test_another_backend_is_another_cluster(one: Backend, other: Backend) -> None:
    assert (cluster_name(one) == cluster_name(other)) == (one == other)


@given(weights())
def test_of_a_hundred_numbers_each_deployment_gets_its_weight(shares: dict[str, int]) -> None:
    found = routes(ALL, Routing(shares))
    answers = [chosen(found, number) for number in range(100)]
    assert {name: answers.count(f"live.{name}") for name in shares} == shares


@given(weights(), st.integers(0, 50))
def test_routes_say_what_they_were_made_from(shares: dict[str, int], copies: int) -> None:
    routing = Routing(shares, {"next": copies})
    configuration = json.loads(json.dumps(route_configuration("shop", ALL, routing)))
    named = {name: cluster_name(backend) for name, backend in ALL.items()}
    assert remembered(configuration) == ("shop", named, routing)


def test_an_endpoint_without_weight_is_closed_for_every_number() -> None:
    found = routes(ALL, Routing({"blue": 0}))
    assert {chosen(found, number) for number in range(100)} == {"closed"}


def test_weight_needs_replicas() -> None:
    with pytest.raises(TrafficRefused, match="green has no replicas"):
        route_configuration("shop", {"blue": BLUE}, Routing({"blue": 10, "green": 90}))


def test_copies_need_the_same_scoring_path() -> None:
    other = Backend("next", (3,), score_path="/invocations")
    with pytest.raises(Unsupported, match="can't be mirrored"):
        route_configuration("shop", {"blue": BLUE, "next": other}, Routing({"blue": 100}, {"next": 10}))


def test_the_last_replica_is_never_put_aside() -> None:
    alone, three = clusters([BLUE])[0], clusters([Backend("blue", (1, 2, 3))])[0]
    assert "outlier_detection" not in alone
    assert three["outlier_detection"]["max_ejection_percent"] == 66


def test_secrets_are_in_the_auth_file_and_nowhere_else(tmp_path: Path) -> None:
    secret = b"s3cret-s3cret-s3cret-s3cret-s3cret"
    for auth, words in (
        (KeyAuth("first-key", "second-key"), ["first-key", "second-key"]),
        (TokenAuth(secret, "sluice", "shop"), [secret.decode(), base64.b64encode(secret).decode().rstrip("=")]),
    ):
        paths = GatewayPaths(tmp_path, Path("admin.sock"))
        write_all(paths, Gateway("shop", 8080, auth, {"blue": BLUE}, Routing({"blue": 100})))
        texts = {path.name: path.read_text() for path in tmp_path.rglob("*.json")}
        assert {name for name, text in texts.items() if any(word in text for word in words)} == {"auth.json"}
        assert not any(word in repr(auth) for word in words)


def test_files_are_the_owners_only(tmp_path: Path) -> None:
    paths = GatewayPaths(tmp_path / "gateway", Path("admin.sock"))
    write_all(paths, Gateway("shop", 8080, KeyAuth("a", "b")))
    files = [path for path in (tmp_path / "gateway").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"bootstrap.json", "cds.json", "rds.json", "lds.json", "auth.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_what_is_live_is_read_back(tmp_path: Path) -> None:
    paths = GatewayPaths(tmp_path, Path("admin.sock"))
    assert read_live(paths) == Live()
    routing = Routing({"blue": 60, "green": 40}, {"next": 5})
    write_all(paths, Gateway("shop", 8080, KeyAuth("a", "b"), ALL, routing))
    old = Backend("blue", (9,))
    write_resources(paths, Xds.CLUSTERS, clusters([*ALL.values(), old]))
    live = read_live(paths)
    assert live.routing == Routing({"blue": 60, "green": 40, "next": 0}, {"next": 5})
    assert live.backends == ALL
    assert live.draining == {cluster_name(old): old}


def test_a_file_that_says_the_same_is_left_alone(tmp_path: Path) -> None:
    paths = GatewayPaths(tmp_path, Path("admin.sock"))
    first = write_resources(paths, Xds.CLUSTERS, clusters([BLUE, GREEN]))
    inode = (paths.xds / "cds.json").stat().st_ino
    assert write_resources(paths, Xds.CLUSTERS, clusters([GREEN, BLUE])) == first
    assert (paths.xds / "cds.json").stat().st_ino == inode
    assert write_resources(paths, Xds.CLUSTERS, clusters([BLUE])) != first
    assert (paths.xds / "cds.json").stat().st_ino != inode


def test_a_version_is_of_the_content() -> None:
    one, same, other = (resource_file([{"a": value}])["version_info"] for value in (1, 1, 2))
    assert one == same != other


def test_a_socket_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert bootstrap("shop", GatewayPaths(tmp_path, Path("s" * 107)))
    with pytest.raises(GatewayFailed, match="too long"):
        bootstrap("shop", GatewayPaths(tmp_path, Path("é" * 54)))


def test_the_command_has_one_worker(tmp_path: Path) -> None:
    command = envoy_command("envoy", GatewayPaths(tmp_path, Path("admin.sock")))
    assert command[command.index("--concurrency") + 1] == "1"
    assert command[command.index("-c") + 1] == str(tmp_path / "bootstrap.json")


def test_the_listener_holds_its_port_alone() -> None:
    resource = listener(8080, "xds", "access.log")
    assert resource["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8080}
    assert resource["enable_reuse_port"] is False


def test_the_signing_secret_is_a_json_web_key() -> None:
    auth = TokenAuth(b"signed", "sluice", "shop")
    keys = json.loads(auth_filter(auth)["typed_config"]["providers"]["token"]["local_jwks"]["inline_string"])
    assert [base64.urlsafe_b64decode(key["k"] + "==") for key in keys["keys"]] == [b"signed"]

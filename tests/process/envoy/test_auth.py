"""Who gets in: keys and tokens, changed while connections live."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from sluice.targets.local.envoy.desired import KeyAuth, TokenAuth

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]

SECRET, OTHER = b"s" * 32, b"o" * 32
TOKENS = TokenAuth(SECRET, issuer="sluice", audience="shop")


def token(secret: bytes = SECRET, *, lives_s: int | None = 600, **claims: Any) -> str:
    expiry = {} if lives_s is None else {"exp": int(time.time()) + lives_s}
    return jwt.encode({"iss": "sluice", "aud": "shop", **expiry, **claims}, secret, algorithm="HS256")


def test_only_the_keys_open_the_door_and_replicas_never_see_them(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    blue = replica("b")
    open_door = door(backend("blue", blue), blue=100)
    assert open_door.ask(key="first-key").status == 200
    assert open_door.ask(key="second-key").status == 200
    for key in ("first-ke", "first-key2", "", None):
        refused = open_door.ask(key=key)
        assert (refused.status, refused.code) == (401, "Unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert len(blue.seen) == 2
    assert all("authorization" not in seen for seen in blue.seen)


def test_every_path_is_closed_to_strangers(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")))
    paths = ["/", "/score", "/health", "/swagger.json", "//score", "/a/../score"]
    assert {open_door.ask(key=None, path=path).status for path in paths} == {401}
    assert open_door.ask(key=None, headers={"azureml-model-deployment": "red"}).status == 401


def test_keys_rotate_while_a_connection_lives(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    connection = open_door.connect()
    assert connection.ask(key="second-key").status == 200
    open_door.router.set_auth(KeyAuth("third-key", "second-key"))
    open_door.wait(lambda: open_door.ask(key="first-key").status == 401)
    assert open_door.ask(key="third-key").status == 200
    assert connection.ask(key="second-key").status == 200, "the old connection lives on"
    open_door.router.set_auth(KeyAuth("third-key", "fourth-key"))
    open_door.wait(lambda: open_door.ask(key="fourth-key").status == 200)
    assert connection.ask(key="second-key").status == 401, "and obeys the new keys"


def test_tokens_must_be_ours_whole_and_alive(door: Doors, replica: Replicas, backend: Backends) -> None:
    blue = replica("b")
    open_door = door(backend("blue", blue), auth=TOKENS, blue=100)
    assert open_door.ask(key=token()).status == 200
    assert "authorization" not in blue.seen[0]
    refused = {
        "expired": token(lives_s=-3),
        "endless": token(lives_s=None),
        "of another secret": token(OTHER),
        "of another endpoint": token(aud="bakery"),
        "of another issuer": token(iss="nobody"),
        "unsigned": jwt.encode({"iss": "sluice", "aud": "shop"}, "", algorithm="none"),
        "no token": "first-key",
    }
    statuses = {name: open_door.ask(key=key).status for name, key in refused.items()}
    assert statuses == dict.fromkeys(refused, 401)
    assert open_door.ask(key=None).code == "Unauthorized"
    assert open_door.ask(key=None, path=f"/score?access_token={token()}").status == 401


def test_a_new_secret_takes_over_while_connections_live(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), auth=TOKENS, blue=100)
    connection, old, new = open_door.connect(), token(), token(OTHER)
    assert connection.ask(key=old).status == 200
    open_door.router.set_auth(TokenAuth(OTHER, "sluice", "shop"))
    open_door.wait(lambda: open_door.ask(key=new).status == 200)
    open_door.wait(lambda: open_door.ask(key=old).status == 401)
    assert connection.ask(key=new).status == 200


def test_an_endpoint_changes_from_keys_to_tokens(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    open_door.router.set_auth(TOKENS)
    open_door.wait(lambda: open_door.ask(key=token()).status == 200)
    assert open_door.ask(key="first-key").status == 401


def test_callers_can_not_set_the_gateways_timeouts(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b", delay_s=0.2)), blue=100)
    assert open_door.ask(headers={"x-envoy-upstream-rq-timeout-ms": "1"}).status == 200

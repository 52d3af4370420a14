"""What holds for every call: errors, partial failures, progress, cancelling, and that none waits for another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from provider_calls import SECONDS, SECRET, SIGNATURE, UNKNOWN, Plugin, details_of, init_failed, refused, secret
from pulumi.runtime.proto import provider_pb2

from sluice.errors import AccessDenied, Interrupted, Mark, TrafficRefused
from sluice_infra.provider.handler import Context, Handler, Live, PartlyFailed
from sluice_infra.provider.resources import HANDLERS
from sluice_infra.provider.values import Plain

CALLS = ("create", "read", "update", "delete")
EVERY_CALL = pytest.mark.parametrize("call", CALLS)


def make(plugin: Plugin, kind: str, call: str) -> None:
    """Make one of the four calls that change or read a thing."""
    state = {"name": "one", "key": secret("hidden")}
    if call == "create":
        plugin.create(kind, state)
    elif call == "update":
        plugin.update(kind, "one", state, state)
    elif call == "read":
        plugin.read(kind, "one", state)
    else:
        plugin.delete(kind, "one", state)


@dataclass
class Ready(Handler):
    """Says what it was told, and answers at once."""

    inputs = ("name", "key")
    secrets = frozenset({"key"})
    computed = ("port", "url")
    seen: list[Plain] = field(default_factory=list)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        context.report("working")
        self.seen.append(inputs)
        return "one", inputs | {"port": 8080, "share": 0.5, "down": False, "extra": [1, {"a": None}]}

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        self.seen.append(state)
        return Live({"name": "one", "key": None})

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        self.seen.append(state)
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        self.seen.append(state)


@dataclass
class Failing(Handler):
    """Raises the same at every call."""

    error: Exception
    inputs = ("name", "key")
    secrets = frozenset({"key"})

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        raise self.error

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        raise self.error

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        raise self.error

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        raise self.error

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        raise self.error


@dataclass
class Unwell(Ready):
    """Is there, but not as it should be."""

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        return Live({"name": "one", "key": "hidden", "port": 1}, ("1 of 2 replicas is down",))


@dataclass
class Held(Ready):
    """Waits to be let go, or until it is cancelled."""

    let_go: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        self.entered.release()
        while not self.let_go.wait(0.01):
            if context.cancelled():
                raise Interrupted("stopped before it was ready")
        return super().create(context, inputs)


@EVERY_CALL
def test_a_refusal_is_our_words_alone(serve: Any, call: str) -> None:
    error = AccessDenied("identity library lacks a role", remedy="Grant it.", at=Mark("endpoints/blue.yaml", 3, 1))
    with refused() as words:
        make(serve({"Thing": Failing(error)}), "Thing", call)
    assert words == [str(error)]


def test_a_refusal_while_checking_is_one_failure(serve: Any) -> None:
    plugin = serve({"Thing": Failing(TrafficRefused("weights sum to 90"))})
    assert plugin.check("Thing", {"name": "one"}) == [("", "weights sum to 90")]


@EVERY_CALL
def test_what_exists_but_failed_is_told_with_what_is_live(serve: Any, call: str) -> None:
    live = {"name": "one", "key": "hidden", "port": 8080, "left": None}
    plugin = serve({"Thing": Failing(PartlyFailed("one", live, ("green is not ready", "blue serves")))})
    with pytest.raises(grpc.RpcError) as caught:
        make(plugin, "Thing", call)
    assert details_of(caught.value) == "green is not ready; blue serves"
    found = init_failed(caught.value)
    assert found.identifier == "one"
    assert found.properties == {
        "name": "one",
        "key": {SIGNATURE: SECRET, "value": "hidden"},
        "port": 8080,
        "left": None,
    }
    assert found.inputs == {"name": "one", "key": {SIGNATURE: SECRET, "value": "hidden"}}
    assert found.reasons == ["green is not ready", "blue serves"]


def test_bad_health_is_read_as_a_partial_failure(serve: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        serve({"Thing": Unwell()}).read("Thing", "one")
    found = init_failed(caught.value)
    assert (found.identifier, found.reasons) == ("one", ["1 of 2 replicas is down"])
    assert found.properties["port"] == 1


def test_values_keep_their_type_over_the_wire_and_secrets_are_opened_for_the_handler(serve: Any) -> None:
    ready = Ready()
    plugin = serve({"Thing": ready})
    _, made = plugin.create("Thing", {"name": "one", "key": secret({"count": 2.0}), "__internal": "x"})
    assert ready.seen == [{"name": "one", "key": {"count": 2}}]
    assert isinstance(ready.seen[0]["key"]["count"], int)
    assert made == {
        "name": "one",
        "key": secret({"count": 2}),
        "port": 8080,
        "share": 0.5,
        "down": False,
        "extra": [1, {"a": None}],
    }


def test_inputs_that_are_not_there_are_null(serve: Any) -> None:
    ready = Ready()
    serve({"Thing": ready}).create("Thing", {"name": "one", "stranger": 1})
    assert ready.seen == [{"name": "one", "key": None}]


def test_inputs_that_are_null_are_not_read_back(serve: Any) -> None:
    assert serve({"Thing": Ready()}).read("Thing", "one")[2] == {"name": "one"}


def test_the_old_state_reaches_the_handler_with_its_secrets_open(serve: Any) -> None:
    ready = Ready()
    plugin = serve({"Thing": ready})
    for call in ("read", "update", "delete"):
        make(plugin, "Thing", call)
    assert {"name": "one", "key": "hidden"} == ready.seen[0] == ready.seen[1] == ready.seen[-1]


def test_a_preview_calls_no_handler(serve: Any) -> None:
    ready = Ready()
    plugin = serve({"Thing": ready})
    created = plugin.create("Thing", {"name": "one", "key": secret(UNKNOWN)}, preview=True)
    assert created == ("", {"name": "one", "key": secret(UNKNOWN), "port": UNKNOWN, "url": UNKNOWN})
    olds = {"name": "one", "key": secret("old"), "port": 8080, "url": "u", "kept": True}
    updated = plugin.update("Thing", "one", olds, {"name": "one", "key": secret("new")}, preview=True)
    assert updated == {"name": "one", "key": secret("new"), "port": UNKNOWN, "url": UNKNOWN, "kept": True}
    assert ready.seen == []


def test_progress_goes_to_the_resources_own_line(serve: Any) -> None:
    plugin = serve({"Thing": Ready()})
    plugin.create("Thing", {"name": "one"})
    assert plugin.engine.lines == [(plugin.urn("Thing"), "working", True)]


@pytest.fixture
def held() -> Iterator[Held]:
    """Whatever happened to the test, nothing of it waits on."""
    handler = Held()
    yield handler
    handler.let_go.set()


def test_one_that_waits_holds_up_no_other(serve: Any, held: Held) -> None:
    ready = Ready()
    plugin = serve({"Held": held, "Ready": ready})
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(plugin.create, "Held", {"name": str(number)}) for number in range(40)]
        assert all(held.entered.acquire(timeout=SECONDS) for _ in waiting)
        assert plugin.create("Ready", {"name": "one"})[0] == "one"
        assert plugin.read("Ready", "one")[0] == "one"
        assert not any(one.done() for one in waiting)
        held.let_go.set()
        assert [one.result(SECONDS)[0] for one in waiting] == ["one"] * 40


def test_cancelling_reaches_what_is_under_way(serve: Any, held: Held) -> None:
    plugin = serve({"Held": held})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(plugin.create, "Held", {"name": "one"})
        assert held.entered.acquire(timeout=SECONDS)
        plugin.cancel()
        with pytest.raises(grpc.RpcError) as caught:
            waiting.result(SECONDS)
    assert details_of(caught.value) == "stopped before it was ready"


def test_the_engine_is_told_what_the_plugin_can(plugin: Plugin) -> None:
    configured = plugin.stub.Configure(provider_pb2.ConfigureRequest(acceptSecrets=True), timeout=SECONDS)
    assert (configured.acceptSecrets, configured.supportsPreview) == (True, True)
    schema = json.loads(plugin.stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=SECONDS).schema)
    assert schema["resources"].keys() == {f"sluice:index:{kind}" for kind in HANDLERS}
    assert plugin.stub.GetPluginInfo(empty_pb2.Empty(), timeout=SECONDS).version == schema["version"]

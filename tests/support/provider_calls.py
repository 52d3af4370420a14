"""The calls that Pulumi's engine makes of a provider plugin, over real gRPC, and what it hears."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2

from sluice_infra.provider.servicer import Servicer

SECONDS = 30
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Plain = dict[str, Any]
KINDS = {value: name for name, value in provider_pb2.PropertyDiff.Kind.items()}


def secret(value: Any) -> Plain:
    """A value as the engine sends and takes a secret."""
    return {SIGNATURE: SECRET, "value": value}


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Plain values in the wire's form."""
    return json_format.ParseDict(values, struct_pb2.Struct())


def plain(message: struct_pb2.Struct) -> Plain:
    """What came over the wire, as plain values; numbers are floats."""
    values: Plain = json_format.MessageToDict(message)
    return values


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """What the engine hears from a plugin."""

    lines: list[tuple[str, str, bool]] = field(default_factory=list)

    def Log(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802 - gRPC's name
        self.lines.append((request.urn, request.message, request.ephemeral))
        return empty_pb2.Empty()


@dataclass(frozen=True)
class InitFailed:
    """An `ErrorResourceInitFailed` as the engine reads it from the trailing metadata."""

    identifier: str
    properties: Plain
    inputs: Plain
    reasons: list[str]


@dataclass(frozen=True)
class Plugin:
    """The calls that the engine makes, and the project they are about."""

    stub: Any
    root: Path
    engine: Engine

    def urn(self, kind: str, name: str = "one") -> str:
        return f"urn:pulumi:dev::library::sluice:index:OnlineEndpoint$sluice:index:{kind}::{name}"

    def check(self, kind: str, news: Plain, olds: Plain | None = None) -> list[tuple[str, str]]:
        request = provider_pb2.CheckRequest(urn=self.urn(kind), olds=struct(olds or {}), news=struct(news))
        return [(found.property, found.reason) for found in self.stub.Check(request, timeout=SECONDS).failures]

    def diff(self, kind: str, olds: Plain, news: Plain, *ignored: str) -> Any:
        request = provider_pb2.DiffRequest(
            id="one", urn=self.urn(kind), olds=struct(olds), news=struct(news), ignoreChanges=ignored
        )
        return self.stub.Diff(request, timeout=SECONDS)

    def kinds(self, kind: str, olds: Plain, news: Plain, *ignored: str) -> dict[str, str]:
        """The detailed difference: path to kind."""
        detail = self.diff(kind, olds, news, *ignored).detailedDiff
        return {path: KINDS[found.kind] for path, found in detail.items()}

    def create(self, kind: str, inputs: Plain, *, preview: bool = False) -> tuple[str, Plain]:
        request = provider_pb2.CreateRequest(urn=self.urn(kind), properties=struct(inputs), preview=preview)
        made = self.stub.Create(request, timeout=SECONDS)
        return made.id, plain(made.properties)

    def update(self, kind: str, identifier: str, olds: Plain, news: Plain, *, preview: bool = False) -> Plain:
        request = provider_pb2.UpdateRequest(
            id=identifier, urn=self.urn(kind), olds=struct(olds), news=struct(news), preview=preview
        )
        return plain(self.stub.Update(request, timeout=SECONDS).properties)

    def read(self, kind: str, identifier: str, state: Plain | None = None) -> tuple[str, Plain, Plain]:
        """Id, properties and inputs; all empty when the thing is gone."""
        request = provider_pb2.ReadRequest(id=identifier, urn=self.urn(kind), properties=struct(state or {}))
        live = self.stub.Read(request, timeout=SECONDS)
        return live.id, plain(live.properties), plain(live.inputs)

    def delete(self, kind: str, identifier: str, state: Plain) -> None:
        request = provider_pb2.DeleteRequest(id=identifier, urn=self.urn(kind), properties=struct(state))
        self.stub.Delete(request, timeout=SECONDS)

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty(), timeout=SECONDS)


class Loop:
    """An event loop in a thread of its own, for the provider's server."""

    def __enter__(self) -> Loop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[grpc.aio.Server] = []
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            asyncio.run_coroutine_threadsafe(server.stop(None), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def serve(self, servicer: Servicer) -> int:
        return asyncio.run_coroutine_threadsafe(self._serve(servicer), self._loop).result(SECONDS)

    async def _serve(self, servicer: Servicer) -> int:
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port: int = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._servers.append(server)
        return port


@contextmanager
def refused() -> Iterator[list[str]]:
    """Catch one refusal over the wire; the list then holds its words."""
    words: list[str] = []
    with pytest.raises(grpc.RpcError) as caught:
        yield words
    words.append(str(details_of(caught.value)))


def details_of(error: Any) -> str | None:
    """The words of a failed call."""
    details: str | None = error.details()
    return details


def init_failed(error: Any) -> InitFailed:
    """What a failed call tells of a resource that exists but is unwell."""
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(packed)
    found = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(found)
    return InitFailed(found.id, plain(found.properties), plain(found.inputs), list(found.reasons))

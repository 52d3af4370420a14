"""The provider in process, behind real gRPC on loopback, with no engine of Pulumi's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from provider_calls import SECONDS, Engine, Loop, Plugin
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2_grpc

from sluice_infra.provider.engine_log import EngineLog
from sluice_infra.provider.handler import Handler
from sluice_infra.provider.plugin import VERSION, SluiceProvider
from sluice_infra.provider.resources import HANDLERS
from sluice_infra.provider.servicer import Servicer

Serve = Callable[[Mapping[str, Handler]], Plugin]


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    """The engine's ear, and its address."""
    with ThreadPoolExecutor(2) as pool:
        ear, server = Engine(), grpc.server(pool)
        engine_pb2_grpc.add_EngineServicer_to_server(ear, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield ear, f"127.0.0.1:{port}"
        server.stop(None).wait(SECONDS)


@pytest.fixture
def serve(tmp_path: Path, engine: tuple[Engine, str]) -> Iterator[Serve]:
    """Serve handlers over gRPC, as the plugin does."""
    ear, address = engine
    with Loop() as loop:
        opened: list[grpc.Channel] = []

        def one(handlers: Mapping[str, Handler]) -> Plugin:
            provider = SluiceProvider(lambda: handlers, EngineLog(address), tmp_path)
            port = loop.serve(Servicer([address], VERSION, provider, engine_address=address))
            opened.append(grpc.insecure_channel(f"127.0.0.1:{port}"))
            return Plugin(provider_pb2_grpc.ResourceProviderStub(opened[-1]), tmp_path, ear)

        yield one
        for channel in opened:
            channel.close()


@pytest.fixture
def plugin(serve: Serve) -> Plugin:
    """The provider with its own handlers."""
    return serve(HANDLERS)

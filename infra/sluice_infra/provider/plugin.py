"""The plugin `pulumi-resource-sluice`: a provider on Pulumi's experimental provider API.

Handlers block, so each call runs in a thread: one slow deployment holds up no other. The plugin keeps no
state and ends when the engine that started it has gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc.aio
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from sluice.errors import SluiceError
from sluice.project import find_project
from sluice_infra.provider.differ import compare
from sluice_infra.provider.engine_log import EngineLog
from sluice_infra.provider.handler import Context, Handler, PartlyFailed
from sluice_infra.provider.servicer import Servicer
from sluice_infra.provider.values import UNKNOWN, Plain, has_unknown, to_plain, to_wire

VERSION: Final = "0.1.0"
# More than Pulumi asks for at once, so that waiting deployments never queue behind each other here.
THREADS: Final = 128
T = TypeVar("T")


class SluiceProvider(api.Provider):
    """Dispatches each call to the handler of its resource type."""

    def __init__(self, handlers: Callable[[], Mapping[str, Handler]], log: EngineLog, root: Path) -> None:
        self._handlers = handlers
        self._log = log
        self._root = root
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sluice")

    async def get_schema(self, request: api.GetSchemaRequest) -> api.GetSchemaResponse:
        """Return the little schema the engine asks for: names only, programs use our own classes."""
        del request
        resources: dict[str, Any] = {f"sluice:index:{name}": {} for name in self._handlers()}
        return api.GetSchemaResponse(json.dumps({"name": "sluice", "version": VERSION, "resources": resources}))

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        """Ask for secrets to be marked as such; outputs arrive resolved."""
        del request
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Fill in what follows from what is live, and collect what can't be."""
        handler = self._handler(request.urn)
        old, new = to_plain(request.old_inputs), self._inputs(request.urn, request.new_inputs)
        wire = dict(request.new_inputs)
        try:
            filled = handler.filled(old, new)
            failures = await self._failures(handler, request.urn, old, new | filled)
        except SluiceError as error:
            return api.CheckResponse(inputs=wire, failures=[api.CheckFailure("", str(error))])
        return api.CheckResponse(inputs=wire | to_wire(filled, handler.secrets), failures=failures)

    async def _failures(self, handler: Handler, urn: str, old: Plain, new: Plain) -> list[api.CheckFailure]:
        if has_unknown(new):
            return []
        found = await self._call(lambda: list(handler.check(self._context(urn), old, new)))
        return [api.CheckFailure(name, reason) for name, reason in found]

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """Compare what is live with what is wanted, key by key."""
        handler = self._handler(request.urn)
        inputs = tuple(key for key in handler.inputs if key not in request.ignore_changes)
        state, wanted = to_plain(request.old_state), to_plain(request.new_inputs)
        return compare(state, wanted, inputs=inputs, replace=handler.replace)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """Make the resource, or say what a preview can know of it."""
        handler, inputs = self._handler(request.urn), self._inputs(request.urn, request.properties)
        if request.preview:
            return api.CreateResponse("", to_wire(self._foreseen(handler, inputs), handler.secrets))
        identifier, made = await self._call(lambda: handler.create(self._context(request.urn), inputs))
        return api.CreateResponse(identifier, to_wire(made, handler.secrets))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """Change the resource in place, or say what a preview can know of it."""
        handler, inputs = self._handler(request.urn), self._inputs(request.urn, request.news)
        state = to_plain(request.olds)
        if request.preview:
            return api.UpdateResponse(to_wire(state | self._foreseen(handler, inputs), handler.secrets))
        context, identifier = self._context(request.urn), request.resource_id
        changed = await self._call(lambda: handler.update(context, identifier, state, inputs))
        return api.UpdateResponse(to_wire(changed, handler.secrets))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """Return what is live; an empty answer says that it is gone."""
        handler, state = self._handler(request.urn), to_plain(request.properties)
        context, identifier = self._context(request.urn), request.resource_id
        live = await self._call(lambda: handler.read(context, identifier, state))
        if live is None:
            return api.ReadResponse()
        if live.reasons:
            raise PartlyFailed(identifier, live.properties, live.reasons)
        wire = to_wire(live.properties, handler.secrets)
        inputs = {key: wire[key] for key in handler.inputs if live.properties.get(key) is not None}
        return api.ReadResponse(identifier, wire, inputs)

    async def delete(self, request: api.DeleteRequest) -> None:
        """Remove the resource."""
        handler, state = self._handler(request.urn), to_plain(request.properties)
        context, identifier = self._context(request.urn), request.resource_id
        await self._call(lambda: handler.delete(context, identifier, state))

    async def cancel(self) -> None:
        """Ask running calls to finish their step. Pulumi also calls this at every normal end."""
        self._cancelled.set()

    def handler_of(self, urn: str) -> Handler:
        """Return the handler of the type a URN names."""
        return self._handler(urn)

    def _handler(self, urn: str) -> Handler:
        return self._handlers()[urn.split("::")[2].rsplit("$", maxsplit=1)[-1].rpartition(":")[2]]

    def _inputs(self, urn: str, properties: Mapping[str, PropertyValue]) -> Plain:
        plain = to_plain(properties)
        return {key: plain.get(key) for key in self._handler(urn).inputs}

    def _foreseen(self, handler: Handler, inputs: Plain) -> Plain:
        return inputs | dict.fromkeys(handler.computed, UNKNOWN)

    def _context(self, urn: str) -> Context:
        stack = urn.split("::", maxsplit=1)[0].rpartition(":")[2]
        log = self._log
        report, warn = (lambda text: log.status(urn, text)), (lambda text: log.warning(urn, text))
        return Context(self._root, stack, report, warn, self._cancelled.is_set)

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


async def _serve(arguments: list[str]) -> None:
    parent = os.getppid()  # asked first: should it die right here, the line below that tells the port fails
    address = next(argument for argument in arguments if not argument.startswith("-"))
    log = EngineLog(address)
    provider = SluiceProvider(_handlers, log, find_project(Path.cwd()))
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = Servicer(arguments, VERSION, provider, engine_address=address)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await _engine_gone(parent)


def _handlers() -> Mapping[str, Handler]:
    """Return the handlers, imported late: of the two plugins the engine starts for an update, one never needs them."""
    from sluice_infra.provider.resources import HANDLERS

    return HANDLERS


async def _engine_gone(parent: int) -> None:
    """Return when the process that started this one has ended: orphans would serve nobody."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody about a parent's end
        await asyncio.sleep(0.2)


def main() -> None:
    """Run the plugin until its engine ends it or ends itself."""
    # Python 3.11 fills these at the first call, and a second thread that calls meanwhile finds them half filled.
    sysconfig.get_config_vars()
    try:
        asyncio.run(_serve(sys.argv[1:]))
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout.flush()
        os._exit(0)  # threads may wait on processes; nothing of ours is in memory

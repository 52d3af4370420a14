"""Pulumi's gRPC servicer with two things it lacks: errors as one clean line, and partial failures.

Pulumi's own turns every exception into a traceback and has no way to say "it exists, but is unwell"
(`ErrorResourceInitFailed`), so the four calls that need either are answered here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2, status_pb2

from sluice.errors import SluiceError
from sluice_infra.provider.handler import Handler, PartlyFailed
from sluice_infra.provider.values import to_wire

Answer = Callable[[], Awaitable[Any]]


class Servicer(ProviderServicer):
    """Answers Create, Update, Read and Delete; the rest is Pulumi's."""

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """Create a resource."""

        async def answer() -> Any:
            properties = PropertyValue.unmarshal_map(request.properties)
            wanted = api.CreateRequest(request.urn, properties, request.timeout, request.preview)
            made = await self._provider.create(wanted)
            return proto.CreateResponse(
                id=made.resource_id or "", properties=PropertyValue.marshal_map(made.properties)
            )

        return await self._guarded(answer, request.urn, context)

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """Update a resource in place."""

        async def answer() -> Any:
            olds, news = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)
            changed = await self._provider.update(
                api.UpdateRequest(
                    request.urn,
                    request.id,
                    olds,
                    news,
                    request.timeout,
                    list(request.ignoreChanges),
                    request.preview,
                )
            )
            return proto.UpdateResponse(properties=PropertyValue.marshal_map(changed.properties))

        return await self._guarded(answer, request.urn, context)

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """Read what is live."""

        async def answer() -> Any:
            properties = PropertyValue.unmarshal_map(request.properties)
            inputs = PropertyValue.unmarshal_map(request.inputs)
            live = await self._provider.read(api.ReadRequest(request.urn, request.id, properties, inputs))
            if live.resource_id is None:
                return proto.ReadResponse()
            return proto.ReadResponse(
                id=live.resource_id,
                properties=PropertyValue.marshal_map(live.properties),
                inputs=PropertyValue.marshal_map(live.inputs),
            )

        return await self._guarded(answer, request.urn, context)

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names
        """Delete a resource."""

        async def answer() -> Any:
            properties = PropertyValue.unmarshal_map(request.properties)
            await self._provider.delete(api.DeleteRequest(request.urn, request.id, properties, request.timeout))
            return empty_pb2.Empty()

        return await self._guarded(answer, request.urn, context)

    async def _guarded(self, answer: Answer, urn: str, context: Any) -> Any:
        try:
            return await answer()
        except PartlyFailed as failure:
            handler = self._provider.handler_of(urn)  # type: ignore[attr-defined]
            await context.abort_with_status(_partial_failure(handler, failure))
        except SluiceError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _partial_failure(handler: Handler, failure: PartlyFailed) -> grpc.Status:
    wire = to_wire(failure.properties, handler.secrets)
    inputs = {key: wire[key] for key in handler.inputs if failure.properties.get(key) is not None}
    detail = provider_pb2.ErrorResourceInitFailed(
        id=failure.identifier,
        properties=PropertyValue.marshal_map(wire),
        inputs=PropertyValue.marshal_map(inputs),
        reasons=list(failure.reasons),
    )
    packed = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(failure))
    packed.details.add().Pack(detail)
    status = grpc.Status()
    status.code = grpc.StatusCode.UNKNOWN
    status.details = str(failure)
    status.trailing_metadata = (("grpc-status-details-bin", packed.SerializeToString()),)
    return status

"""A stand-in for the plugin `pulumi-resource-azure-native`: the engine speaks to it, it speaks ARM to the simulator.

The real one can't be had without Pulumi's site. AZURE_NATIVE_SIMULATOR is ARM's address. What it does as the real one:
refuses to create what exists, writes all inputs, reads after it wrote, tells a resource that is there but failed, and
on a refresh brings in what changed on Azure since the last look.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.azure.standin.shapes import (
    Change,
    Plain,
    arm_id,
    as_inputs,
    body,
    changes,
    foreseen,
    imported,
    kind_of,
    outputs,
    refreshed,
)

from sluice.errors import NotFound, SluiceError
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.patience import Patience

VERSION = "3.29.0"


@dataclass(frozen=True)
class Token:
    token: str = "good"
    expires_on: int = 2**40


class Login:
    """A credential of one token."""

    def get_token(self, *_scopes: str, **_options: Any) -> Token:
        return Token()


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """The provider."""

    def __init__(self, arm: ArmClient) -> None:
        self.arm = arm
        self.subscription = ""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's names, here and below
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.subscription = plain(request.args).get("subscriptionId", "")
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=struct(plain(request.news)))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = changes(kind_of(request.urn), plain(request.old_inputs), plain(request.news))
        return answer_of(found)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, inputs = kind_of(request.urn), plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct(foreseen(kind, inputs)))
        identifier = arm_id(kind, inputs, self.subscription)
        if self.found(identifier) is not None:
            context.abort(grpc.StatusCode.UNKNOWN, f"cannot create already existing resource '{identifier}'")
        live = self.written(kind, identifier, inputs, context, new=True)
        return provider_pb2.CreateResponse(id=live["id"], properties=struct(outputs(kind, live)))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, inputs = kind_of(request.urn), plain(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=struct(foreseen(kind, inputs)))
        live = self.written(kind, request.id, inputs, context, new=False)
        return provider_pb2.UpdateResponse(properties=struct(outputs(kind, live)))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind = kind_of(request.urn)
        live = self.guarded(lambda: self.found(request.id), context)
        if live is None:
            return provider_pb2.ReadResponse()
        told, before, known = outputs(kind, live), plain(request.properties), plain(request.inputs)
        if known:
            known = refreshed(known, as_inputs(kind, before), as_inputs(kind, told))
        else:
            known = imported(kind, request.id, told)
        return provider_pb2.ReadResponse(id=request.id, properties=struct(told), inputs=struct(known))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.guarded(lambda: self.arm.delete(request.id), context)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def found(self, identifier: str) -> Plain | None:
        try:
            return self.arm.read(identifier).body
        except NotFound:
            return None

    def written(self, kind: str, identifier: str, inputs: Plain, context: Any, *, new: bool) -> Plain:
        """Write a resource and read it back; one that is there, but failed, is told as such."""
        try:
            self.arm.put(identifier, body(kind, inputs))
            return self.arm.read(identifier).body
        except SluiceError as error:
            live = self.found(identifier)
            if live is not None and (new or getattr(error, "status", 0) == 200):
                context.abort_with_status(partial(live["id"], outputs(kind, live), inputs, str(error)))
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise

    def guarded(self, work: Any, context: Any) -> Any:
        try:
            return work()
        except SluiceError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))


def answer_of(found: list[Change]) -> Any:
    """Return the answer to Diff: what differs; what replaces is deleted first, since names are fixed."""
    kinds = provider_pb2.PropertyDiff.Kind
    replaces = sorted({one.path.partition(".")[0] for one in found if one.replaces})
    detail = {
        one.path: provider_pb2.PropertyDiff(
            kind=kinds.Value(f"{one.kind}_REPLACE" if one.replaces else one.kind), inputDiff=True
        )
        for one in found
    }
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if found else response.DIFF_NONE,
        replaces=replaces,
        diffs=sorted({one.path.partition(".")[0] for one in found}),
        detailedDiff=detail,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaces),
    )


def partial(identifier: str, told: Plain, inputs: Plain, reason: str) -> grpc.Status:
    """Return the failure of a resource that exists."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=identifier, properties=struct(told), inputs=struct(inputs), reasons=[reason]
    )
    packed = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    packed.details.add().Pack(detail)
    status = grpc.Status()
    status.code, status.details = grpc.StatusCode.UNKNOWN, reason
    status.trailing_metadata = (("grpc-status-details-bin", packed.SerializeToString()),)
    return status


def plain(message: struct_pb2.Struct) -> Plain:
    """Return what came over the wire: whole numbers as such, without nulls."""
    found: Plain = _plain(json_format.MessageToDict(message))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def struct(values: Plain) -> struct_pb2.Struct:
    """Return plain values in the wire's form, without nulls."""
    return json_format.ParseDict(_plain(values), struct_pb2.Struct())


def main() -> None:
    """Serve until the engine has gone."""
    parent = os.getppid()
    patience = Patience(first_s=0.05, poll_s=0.05, least_poll_s=0.02)
    server = grpc.server(ThreadPoolExecutor(16))
    plugin = Plugin(ArmClient(Login(), os.environ["AZURE_NATIVE_SIMULATOR"], patience=patience))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


if __name__ == "__main__":
    main()

"""Progress on the resource's own line of `pulumi up`."""

from __future__ import annotations

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class EngineLog:
    """Talks to the engine that started this plugin. Losing a line of progress is no failure."""

    def __init__(self, address: str) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, message: str) -> None:
        """Show `message` on the line of the resource; the next message takes its place."""
        self._log(urn, message, engine_pb2.INFO, ephemeral=True)

    def warning(self, urn: str, message: str) -> None:
        """Show `message` as a warning that stays."""
        self._log(urn, message, engine_pb2.WARNING, ephemeral=False)

    def _log(self, urn: str, message: str, severity: int, *, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(severity=severity, urn=urn, message=message, ephemeral=ephemeral)  # type: ignore[arg-type]
        try:
            self._engine.Log(request, timeout=2)
        except grpc.RpcError:
            return

"""The component that groups an endpoint with all that belongs to it."""

from __future__ import annotations

import pulumi


class OnlineEndpoint(pulumi.ComponentResource):
    """An endpoint with its deployments, their environments and its traffic."""

    def __init__(self, name: str) -> None:
        super().__init__("sluice:index:OnlineEndpoint", name)

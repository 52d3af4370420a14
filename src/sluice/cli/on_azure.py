"""Operations on endpoints of a workspace on Azure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sluice.cli.azure_status import text
from sluice.cli.common import Answer, LogsAsked, one_of
from sluice.errors import NotFound, Unsupported, UsageError
from sluice.report import note
from sluice.spec.settings import StackSettings
from sluice.targets.azure.cloud import Cloud, connect, login
from sluice.targets.azure.logs import CONTAINERS, Cause
from sluice.targets.azure.service import AzureService
from sluice.targets.azure.site import place_of
from sluice.traffic.router import Routing


@dataclass(frozen=True)
class OnAzure:
    """A stack on Azure; a `sluice.cli.common.Service`."""

    root: Path
    settings: StackSettings
    service: AzureService

    @classmethod
    def of(cls, root: Path, settings: StackSettings) -> OnAzure:
        """Return the operations of a stack. Raises SpecError where its settings name no workspace, UsageError."""
        arm = connect(Cloud.of(os.environ), report=note)
        return cls(root, settings, AzureService(arm, place_of(settings).site, login()))

    @property
    def nothing(self) -> str:
        """Return what is said where none of the stack's endpoints is there."""
        stack, workspace = self.settings.stack, self.service.site.workspace
        return f"stack {stack} has no endpoint in workspace {workspace}; make it: sluice up --stack {stack}"

    def chosen(self, name: str | None) -> str:
        """Return the name as given, of any endpoint of the workspace, or the stack's only one. Raises UsageError."""
        return name or one_of(self._own(), None)

    def ask(self, endpoint: str, body: bytes, deployment: str | None) -> Answer:
        """Send a request to an endpoint's own address."""
        answer = self.service.ask(endpoint, body, deployment)
        return Answer(answer.status, answer.text, answer.deployment, answer.seconds, answer.hint)

    def routing(self, endpoint: str) -> Routing:
        """Return the live weights."""
        return self.service.routing(endpoint)

    def keys(self, endpoint: str) -> tuple[str, str]:
        """Return both keys."""
        return self.service.keys(endpoint)

    def regenerate(self, endpoint: str, key: Literal["primary", "secondary"]) -> None:
        """Replace one key."""
        self.service.regenerate(endpoint, key)

    def token(self, endpoint: str, lifetime_s: int | None) -> tuple[str, float]:
        """Return a token. Raises Unsupported where a lifetime is asked for: Azure decides it."""
        if lifetime_s is not None:
            raise Unsupported("Azure decides how long a token lasts", remedy="Leave --lifetime out.")
        return self.service.token(endpoint)

    def logs(self, endpoint: str, asked: LogsAsked) -> Iterator[str]:
        """Yield lines of containers, one deployment after the other. Raises Unsupported, UsageError, NotFound."""
        if asked.replica:
            raise Unsupported(
                "Azure shows the logs of one instance of a deployment, of its own choice",
                remedy="Leave --replica out; all instances: Log Analytics, table AmlOnlineEndpointConsoleLog.",
            )
        sources = [(name, container) for name in self._deployments(endpoint, asked) for container in _containers(asked)]
        if asked.follow and len(sources) > 1 and not asked.container:
            sources = [one for one in sources if one[1] == "inference-server"]
        return self._lines(endpoint, sources, asked)

    def _lines(self, endpoint: str, sources: list[tuple[str, str]], asked: LogsAsked) -> Iterator[str]:
        seen = {}
        for name, container in sources:
            seen[name, container] = self.service.logs(endpoint, name, container, max(asked.tail, 1))
            shown = seen[name, container][-asked.tail :] if asked.tail else ()
            yield from (f"{name} {container}  {line}" for line in shown)
        following = {one: self.service.follow(endpoint, *one, seen[one]) for one in sources} if asked.follow else {}
        while following:
            for (name, container), lines in following.items():
                yield from (f"{name} {container}  {line}" for line in next(lines))

    def _deployments(self, endpoint: str, asked: LogsAsked) -> tuple[str, ...]:
        found = self.service.deployments(endpoint)
        if asked.deployment and asked.deployment not in found:
            raise NotFound(f"deployment {asked.deployment} does not exist; found: {', '.join(found) or 'none'}")
        return (asked.deployment,) if asked.deployment else found

    def listed(self) -> list[dict[str, Any]]:
        """Return every endpoint of the workspace in short."""
        return list(self.service.listed())

    def described(self, name: str | None, *, metrics: bool) -> list[dict[str, Any]]:
        """Return endpoints as `status --json` gives them: the named one, or those of the stack that are there."""
        if name:
            return [self.service.describe(name, metrics=metrics)]
        there = {one["name"] for one in self.service.listed()}
        return [self.service.describe(one, metrics=metrics) for one in self._own() if one in there]

    def failures(self) -> Iterator[tuple[str, Cause]]:
        """Yield the stack's deployments that failed, with what their containers' logs say."""
        there = {one["name"] for one in self.service.listed()}
        return self.service.failures(one for one in self._own() if one in there)

    def shown(self, described: Mapping[str, Any]) -> str:
        """Return a described endpoint as text."""
        return text(described)

    def _own(self) -> list[str]:
        from sluice.spec.load import load_specs

        return sorted(load_specs(self.root, self.settings.specs, self.settings.stack).endpoints)


def _containers(asked: LogsAsked) -> tuple[str, ...]:
    if asked.container and asked.container not in CONTAINERS:
        raise UsageError(
            f"no container has the name {asked.container}", remedy=f"Name one of them: {', '.join(CONTAINERS)}."
        )
    return (asked.container,) if asked.container else tuple(CONTAINERS)

"""Operations on endpoints that are on Azure: ask, keys, tokens, logs, and how they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sluice.errors import NotFound, Unsupported
from sluice.plan.azure_site import Site
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.credentials import INFERENCE, Credential, Tokens
from sluice.targets.azure.logs import Cause, follow_logs, read_logs, why_failed
from sluice.targets.azure.metrics import endpoint_metrics, flow_metrics
from sluice.targets.azure.router import routing_of
from sluice.targets.azure.scoring import Answer, Door, ask
from sluice.traffic.router import Routing

_MODES: Final = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}
_STUDIO: Final = "https://ml.azure.com/endpoints/realtime"


@dataclass(frozen=True)
class AzureService:
    """Endpoints of one workspace. Every call raises AzureLogin, AccessDenied, NotFound or AzureFailed.

    Attributes:
        arm: the client.
        site: the workspace by its names.
        login: gives tokens for callers of endpoints whose auth_mode is aad_token.
    """

    arm: ArmClient
    site: Site
    login: Credential | None = field(default=None, repr=False)

    def listed(self) -> tuple[dict[str, Any], ...]:
        """Return every endpoint of the workspace, in short: name, address, auth_mode, state, traffic."""
        bodies = self.arm.listed(self.site.within("onlineEndpoints"))
        return tuple(sorted((_short(one) for one in bodies), key=lambda one: str(one["name"])))

    def ask(self, endpoint: str, body: bytes, deployment: str | None = None) -> Answer:
        """Ask an endpoint, or one of its deployments whatever its weight."""
        live = self._live(endpoint)
        properties, mode = live["properties"], mode_of(live)
        uri, kubernetes = str(properties.get("scoringUri") or ""), bool(properties.get("compute"))
        credential = self._keys(endpoint)[0] if mode == "key" else self._token(endpoint, mode)[0]
        return ask(Door(endpoint, uri, credential, kubernetes), body, deployment)

    def bodies(self, endpoint: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return an endpoint and its deployments, sorted by name, as ARM has them."""
        live = self._live(endpoint)
        listed = self.arm.listed(f"{self._id(endpoint)}/deployments")
        return live, sorted(listed, key=lambda one: str(one["name"]))

    def routing(self, endpoint: str) -> Routing:
        """Return the live weights, one for every deployment, and mirror traffic."""
        return routing_of(self._live(endpoint), self.deployments(endpoint))

    def failures(self, endpoints: Iterable[str]) -> Iterator[tuple[str, Cause]]:
        """Yield the deployments (`endpoint/deployment`) that failed, with what their containers' logs say."""
        for endpoint in endpoints:
            for body in self.arm.listed(f"{self._id(endpoint)}/deployments"):
                failed = (body.get("properties") or {}).get("provisioningState") == "Failed"
                if failed and (cause := why_failed(self.arm, self._deployment_id(endpoint, body["name"]))):
                    yield f"{endpoint}/{body['name']}", cause

    def keys(self, endpoint: str) -> tuple[str, str]:
        """Return both keys. Raises Unsupported for an endpoint that has none."""
        _refuse_keyless(endpoint, mode_of(self._live(endpoint)))
        return self._keys(endpoint)

    def regenerate(self, endpoint: str, key: Literal["primary", "secondary"]) -> None:
        """Replace one key. Raises Unsupported for an endpoint that has none."""
        _refuse_keyless(endpoint, mode_of(self._live(endpoint)))
        self.arm.post(f"{self._id(endpoint)}/regenerateKeys", {"keyType": key.capitalize()})

    def token(self, endpoint: str) -> tuple[str, float]:
        """Return a token that opens an endpoint, and when it ends (seconds since 1970). Raises Unsupported."""
        mode = mode_of(self._live(endpoint))
        if mode == "key":
            raise Unsupported(
                f"endpoint {endpoint} is opened by a key, not by a token", remedy="See it: sluice keys show"
            )
        return self._token(endpoint, mode)

    def deployments(self, endpoint: str) -> tuple[str, ...]:
        """Return the names of an endpoint's deployments, sorted."""
        return tuple(sorted(one["name"] for one in self.arm.listed(f"{self._id(endpoint)}/deployments")))

    def logs(self, endpoint: str, deployment: str, container: str, tail: int) -> tuple[str, ...]:
        """Return the last lines of a deployment's container, a key of `logs.CONTAINERS`."""
        return read_logs(self.arm, self._deployment_id(endpoint, deployment), container, tail)

    def follow(
        self, endpoint: str, deployment: str, container: str, seen: tuple[str, ...]
    ) -> Iterator[tuple[str, ...]]:
        """Yield what is added to a container's log behind `seen`, for ever."""
        return follow_logs(self.arm, self._deployment_id(endpoint, deployment), container, seen)

    def describe(self, endpoint: str, *, metrics: bool = False) -> dict[str, Any]:
        """Return an endpoint as `status --json` gives it: a shape scripts rely on.

        Of a deployment that failed, `cause` holds what its containers' logs say. `metrics`: with what was measured.
        """
        live, bodies = self.bodies(endpoint)
        names = tuple(str(one["name"]) for one in bodies)
        routing = routing_of(live, names)
        described = _short(live) | {
            "studio": self.studio(endpoint),
            "traffic": dict(sorted(routing.weights.items())),
            "mirror_traffic": dict(routing.mirror),
            "identity": (live.get("identity") or {}).get("type"),
            "deployments": [self._deployment(endpoint, one) for one in bodies],
        }
        if metrics:
            measured = endpoint_metrics(self.arm, self._id(endpoint), names)
            described["metrics"] = measured | {"flows": self._flows()}
        return described

    def _flows(self) -> dict[str, dict[str, float | None]]:
        """Return what prompt flow measured itself; the workspace's Application Insights has it for all endpoints."""
        linked = (self.arm.read(self.site.id).body.get("properties") or {}).get("applicationInsights")
        return flow_metrics(self.arm, str(linked)) if linked else {}

    def studio(self, endpoint: str) -> str:
        """Return where studio shows an endpoint."""
        return f"{_STUDIO}/{endpoint}/detail?wsid={self.site.id}"

    def _deployment(self, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
        properties = body.get("properties") or {}
        state = str(properties.get("provisioningState") or "unknown")
        cause = why_failed(self.arm, self._deployment_id(endpoint, body["name"])) if state == "Failed" else None
        return {
            "name": body["name"],
            "state": state.lower(),
            "model": last_parts(properties.get("model")),
            "environment": last_parts(properties.get("environmentId")),
            "instance_type": properties.get("instanceType"),
            "instances": (body.get("sku") or {}).get("capacity"),
            "cause": {"container": cause.container, "line": cause.line, "lines": list(cause.lines)} if cause else None,
        }

    def _keys(self, endpoint: str) -> tuple[str, str]:
        found = self.arm.post(f"{self._id(endpoint)}/listKeys")
        return str(found["primaryKey"]), str(found["secondaryKey"])

    def _token(self, endpoint: str, mode: str) -> tuple[str, float]:
        if mode == "aad_token":
            tokens = Tokens(self.arm.clock.now, self.login, INFERENCE)
            return tokens.token(), tokens.ends
        found = self.arm.post(f"{self._id(endpoint)}/token")
        return str(found["accessToken"]), float(found.get("expiryTimeUtc") or 0)

    def _live(self, endpoint: str) -> dict[str, Any]:
        try:
            return self.arm.read(self._id(endpoint)).body
        except NotFound as error:
            raise NotFound(
                f"workspace {self.site.workspace} has no endpoint {endpoint}",
                remedy="See which there are: sluice list; make it: sluice up",
                details=error.message,
            ) from None

    def _id(self, endpoint: str) -> str:
        return self.site.within("onlineEndpoints", endpoint)

    def _deployment_id(self, endpoint: str, deployment: str) -> str:
        return f"{self._id(endpoint)}/deployments/{deployment}"


def mode_of(body: dict[str, Any]) -> str:
    """Return an endpoint's auth_mode as its YAML has it."""
    written = str((body.get("properties") or {}).get("authMode") or "Key")
    return _MODES.get(written.lower(), written)


def last_parts(arm_id: str | None) -> str | None:
    """Return a version's name and number from its ARM id (`chat:1`); other text as it is."""
    parts = (arm_id or "").rstrip("/").split("/")
    return f"{parts[-3]}:{parts[-1]}" if len(parts) > 3 and parts[-2] == "versions" else arm_id


def _short(body: dict[str, Any]) -> dict[str, Any]:
    properties = body.get("properties") or {}
    return {
        "name": body["name"],
        "url": properties.get("scoringUri"),
        "auth_mode": mode_of(body),
        "state": str(properties.get("provisioningState") or "unknown").lower(),
        "traffic": {name: int(weight) for name, weight in (properties.get("traffic") or {}).items() if weight},
    }


def _refuse_keyless(endpoint: str, mode: str) -> None:
    if mode != "key":
        raise Unsupported(
            f"endpoint {endpoint} has no keys: its auth_mode is {mode}", remedy="Get a token: sluice token"
        )

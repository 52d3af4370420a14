"""Envoy's listener: the port, the check of keys and tokens, the answers Envoy gives itself, the access log. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any

from sluice.targets.local.envoy.clusters import METADATA, Json
from sluice.targets.local.envoy.desired import Auth, KeyAuth, TokenAuth
from sluice.targets.local.envoy.routes import ROUTES

_TYPES = "type.googleapis.com/envoy"
_FILTERS = f"{_TYPES}.extensions.filters.http"
AUTH = "auth"
"""The name of the one filter that is discovered: it changes while connections live on."""

TAP = "record"
"""The name of the filter through which requests are recorded."""

TOKENS_HEADER = "x-sluice-tokens"
"""The header in which a server may say how many tokens an answer cost. Callers see it too."""

_SCHEMES = ("Bearer", "bearer")


def auth_filter(auth: Auth) -> Json:
    """Return the one resource of ECDS: the filter that lets callers in. It holds secrets."""
    config = _key_filter(auth) if isinstance(auth, KeyAuth) else _token_filter(auth)
    return {
        "@type": f"{_TYPES}.config.core.v3.TypedExtensionConfig",
        "name": AUTH,
        "typed_config": config,
    }


def listener(port: int, xds: str, access_log: str) -> Json:
    """Return the one resource of LDS; `xds` is the folder of the other files.

    The port is not shared: where another process has it, Envoy refuses this resource.
    """
    manager = "envoy.filters.network.http_connection_manager"
    return {
        "@type": f"{_TYPES}.config.listener.v3.Listener",
        "name": ROUTES,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": manager, "typed_config": _connection_manager(xds, access_log)}]}],
    }


def watched(file: str, xds: str) -> Json:
    """Return a config source: Envoy reads the file again each time one is moved onto it."""
    path = {"path": f"{xds}/{file}.json", "watched_directory": {"path": xds}}
    return {"resource_api_version": "V3", "path_config_source": path}


def _connection_manager(xds: str, access_log: str) -> Json:
    """Everybody is a stranger: `x-envoy-*` headers of a caller set no timeouts and no retries."""
    return {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": ROUTES,
        "server_name": "sluice",
        "use_remote_address": True,
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {"idle_timeout": "300s"},
        # nginx, in front of the door, speaks HTTP/1.0 unless told.
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "sluice"},
        "drain_timeout": "5s",
        "rds": {"route_config_name": ROUTES, "config_source": watched("rds", xds)},
        "local_reply_config": {"mappers": _local_replies()},
        "access_log": [_access_log(access_log)],
        "http_filters": [_auth_discovery(xds), _tap(), _router()],
    }


def _auth_discovery(xds: str) -> Json:
    """No default: until the filter is there, the port is closed."""
    types = [f"{_FILTERS}.rbac.v3.RBAC", f"{_FILTERS}.jwt_authn.v3.JwtAuthentication"]
    types = [one.removeprefix("type.googleapis.com/") for one in types]
    return {"name": AUTH, "config_discovery": {"config_source": watched("auth", xds), "type_urls": types}}


def _tap() -> Json:
    """Show requests and answers to whoever asks for them at the admin socket; until then nothing is looked at."""
    kind = f"{_FILTERS}.tap.v3.Tap"
    return {"name": TAP, "typed_config": {"@type": kind, "common_config": {"admin_config": {"config_id": TAP}}}}


def _router() -> Json:
    kind = "envoy.filters.http.router"
    return {"name": kind, "typed_config": {"@type": f"{_FILTERS}.router.v3.Router", "suppress_envoy_headers": True}}


def _key_filter(auth: KeyAuth) -> Json:
    policies = {"primary": _bearer(auth.primary), "secondary": _bearer(auth.secondary)}
    return {"@type": f"{_FILTERS}.rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": policies}}


def _bearer(key: str) -> Json:
    """The scheme in the two ways that clients write it."""
    headers = ({"name": "authorization", "string_match": {"exact": f"{scheme} {key}"}} for scheme in _SCHEMES)
    return {"permissions": [{"any": True}], "principals": [{"header": header} for header in headers]}


def _token_filter(auth: TokenAuth) -> Json:
    """By default Envoy would allow a minute of clock skew, and take tokens from the query, where logs show them."""
    provider = {
        "issuer": auth.issuer,
        "audiences": [auth.audience],
        "from_headers": [{"name": "authorization", "value_prefix": f"{scheme} "} for scheme in _SCHEMES],
        "local_jwks": {"inline_string": json.dumps({"keys": [_json_web_key(auth.secret)]})},
        "require_expiration": True,
        "clock_skew_seconds": 1,
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "token"}}
    kind = f"{_FILTERS}.jwt_authn.v3.JwtAuthentication"
    return {"@type": kind, "providers": {"token": provider}, "rules": [rule]}


def _json_web_key(secret: bytes) -> Json:
    return {"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(secret).decode().rstrip("=")}


def _local_replies() -> list[Json]:
    """Envoy's own answers in Azure's status codes; a replica's answers pass as they are.

    UO: a limit is reached. UT, UMSDR: the deployment's time is over. UC, UR, UPE: the replica broke off.
    """
    return [
        _reply(_status(401), 401, "Unauthorized", _UNAUTHORIZED, _CHALLENGE),
        _reply(_status(403), 401, "Unauthorized", _UNAUTHORIZED, _CHALLENGE),
        _reply(_flags("UO"), 429, "TooManyRequests", _TOO_MANY, _reason("too many requests")),
        _reply(_flags("UT", "UMSDR"), 408, "RequestTimeout", _TIMEOUT, _reason("request timeout")),
        _reply(_flags("UH", "UF", "NC"), 503, "NoHealthyReplica", _NO_REPLICA, []),
        _reply(_flags("UC", "UR", "UPE"), 502, "ReplicaFailed", _REPLICA_FAILED, []),
    ]


_UNAUTHORIZED = "authorization must be 'Bearer KEY-OR-TOKEN'; what came is missing, wrong or expired"
_TOO_MANY = "every replica is at max_concurrent_requests_per_instance, and as many requests wait"
_TIMEOUT = "the deployment did not answer within request_timeout_ms"
_NO_REPLICA = "no replica of the deployment is healthy (%RESPONSE_CODE_DETAILS%)"
_REPLICA_FAILED = "the replica broke off before it answered (%RESPONSE_CODE_DETAILS%)"


def _reply(match: Json, status: int, code: str, message: str, headers: list[Json]) -> Json:
    return {
        "filter": match,
        "status_code": status,
        "headers_to_add": headers,
        "body_format_override": {"json_format": {"error": {"code": code, "message": message}}},
    }


def _status(code: int) -> Json:
    comparison = {"op": "EQ", "value": {"default_value": code, "runtime_key": "sluice.none"}}
    return {"status_code_filter": {"comparison": comparison}}


def _flags(*flags: str) -> Json:
    return {"response_flag_filter": {"flags": list(flags)}}


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _reason(text: str) -> list[Json]:
    return [_header("ms-azureml-model-error-reason", text)]


_CHALLENGE = [_header("www-authenticate", "Bearer")]

# What a caller may choose is cut short, even his who has no key: long lines would fill the disk, and the judge of a
# rollout could not read as fast as they come.
# `upstream_ms` is until the answer's first byte; `served_us` from the request's last byte to the answer's last, as the
# gateway saw them: neither a slow caller's upload nor his download is in it.
_LOG_FIELDS: dict[str, Any] = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID):128%",
    "method": "%REQ(:METHOD):16%",
    "path": "%PATH(NQ:ORIG_OR_PATH):256%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "deployment": f"%METADATA(ROUTE:{METADATA}:deployment)%",
    "kind": f"%METADATA(ROUTE:{METADATA}:kind)%",
    "replica": "%UPSTREAM_HOST%",
    "ms": "%DURATION%",
    "upstream_ms": "%RESPONSE_DURATION%",
    "served_us": "%COMMON_DURATION(DS_RX_END:US_RX_END:us)%",
    "tokens": f"%RESP({TOKENS_HEADER}):32%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
}


def _access_log(path: str) -> Json:
    kind = f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog"
    config = {"@type": kind, "path": path, "log_format": {"json_format": _LOG_FIELDS}}
    return {"name": "envoy.access_loggers.file", "typed_config": config}

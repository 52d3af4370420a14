"""Endpoints on this machine: a port, keys, an Envoy."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_urlsafe

from sluice.errors import SluiceError, TrafficRefused, Unsupported
from sluice.targets.local import gateways, recording, replicas
from sluice.targets.local.deployments import finish_draining, recover
from sluice.targets.local.files import remove_tree
from sluice.targets.local.state import EndpointFile, EndpointState
from sluice.targets.local.target import LocalTarget


def create(
    target: LocalTarget, name: str, auth_mode: str, port: int | None, identities: tuple[str, ...]
) -> EndpointState:
    """Open an endpoint; one that is there is taken over. Raises PortInUse, GatewayFailed."""
    file = target.endpoint(name)
    with file.lock():
        state = file.load()
        if state is None:
            primary, secondary, signing = (token_urlsafe(32) for _ in range(3))
            state = EndpointState(name, gateways.choose_port(port), auth_mode, primary, secondary, signing)
            file.save(state)
        state = recover(target, file, state)
        target.report("starting the gateway")
        try:
            gateways.start(target, state)
        except BaseException:
            if not state.deployments:
                gateways.stop(target, name)
                remove_tree(file.folder)
            raise
    return update(target, name, auth_mode, port, identities)


def update(
    target: LocalTarget, name: str, auth_mode: str, port: int | None, identities: tuple[str, ...]
) -> EndpointState:
    """Change how callers prove who they are; bring a gateway that is down back up."""
    file = target.endpoint(name)
    target.supervisor.ensure()
    with file.lock():
        state = recover(target, file, file.must_load())
        if port is not None and port != state.port:
            state = _moved(target, state, port)
        _changed(target, file, state, replace(state, auth_mode=auth_mode, identities=identities))
    finish_draining(target, file)
    return file.must_load()


def _changed(target: LocalTarget, file: EndpointFile, before: EndpointState, after: EndpointState) -> EndpointState:
    """Write the change down and make Envoy follow; what it does not take is taken back."""
    file.save(after)
    try:
        gateways.apply(target, after)
    except SluiceError:
        file.save(before)
        raise
    return after


def _moved(target: LocalTarget, state: EndpointState, port: int) -> EndpointState:
    """Move to another port: the only change that can't be made without closing the old door."""
    moved = replace(state, port=gateways.choose_port(port))
    target.supervisor.remove(gateways.program_name(state.name))
    return moved


def remove(target: LocalTarget, name: str) -> None:
    """Close an endpoint; one that is gone is no error. Raises TrafficRefused while it has deployments."""
    file = target.endpoint(name)
    with file.lock():
        state = file.load()
        if state is None:
            return
        if state.deployments:
            raise TrafficRefused(
                f"endpoint {name} still has deployments: {', '.join(sorted(state.deployments))}",
                remedy="Remove them first.",
            )
        replicas.remove(target, state.programs())
        target.supervisor.remove(gatekeeper_program(name))
        remove_tree(target.paths.rollout(name))
        recording.stop(target, name)
        gateways.stop(target, name)
        remove_tree(file.folder)
    file.folder.with_name(f"{name}.lock").unlink(missing_ok=True)
    target.supervisor.stop_if_idle()


def gatekeeper_program(endpoint: str) -> str:
    """Return the name under the supervisor of what drives an endpoint's rollout; no deployment can have it."""
    return f"{endpoint}.gatekeeper"


def regenerate_key(target: LocalTarget, name: str, which: str) -> EndpointState:
    """Replace one key; the other goes on opening the door. `which` is `primary` or `secondary`.

    Raises Unsupported for an endpoint that takes tokens.
    """
    file = target.endpoint(name)
    with file.lock():
        state = file.must_load()
        refuse_keyless(state)
        fresh = token_urlsafe(32)
        changed = replace(state, primary=fresh) if which == "primary" else replace(state, secondary=fresh)
        return _changed(target, file, state, changed)


def refuse_keyless(state: EndpointState) -> None:
    """Raise Unsupported for an endpoint that takes tokens, not keys."""
    if state.auth_mode != "key":
        raise Unsupported(
            f"endpoint {state.name} has auth_mode {state.auth_mode}: it takes tokens, not keys",
            remedy=f"Get one: sluice token --endpoint {state.name}",
        )


def mint_token(state: EndpointState, now: float, lifetime_s: int) -> tuple[str, int]:
    """Return a token for an `aml_token` endpoint and when it ends (seconds since 1970).

    Raises Unsupported for an endpoint that takes keys.
    """
    if state.auth_mode != "aml_token":
        raise Unsupported(
            f"endpoint {state.name} has auth_mode {state.auth_mode}: it takes keys, not tokens",
            remedy=f"Use a key: sluice keys show --endpoint {state.name}",
        )
    import jwt

    ends = int(now) + lifetime_s
    claims = {"iss": "sluice", "aud": state.name, "iat": int(now), "exp": ends}
    return jwt.encode(claims, state.token_secret.encode(), algorithm="HS256"), ends

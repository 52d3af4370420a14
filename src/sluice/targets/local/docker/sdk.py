"""Docker through its SDK for Python."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import requests.exceptions
import urllib3.exceptions
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound

from sluice.targets.local.docker.engine import Container, Machine, Refused, Unreachable
from sluice.targets.local.docker.limits import Limits
from sluice.targets.local.docker.spec import ContainerSpec, api_config

ANSWERS_IN_S = 60


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the SDK raises into Unreachable or Refused; NotFound goes through."""
    try:
        yield
    except NotFound:
        raise
    except APIError as error:
        raise Refused(str(error.explanation or error)) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, DockerException, OSError) as error:
        raise Unreachable(str(error)) from None


class DockerEngine:
    """One connection to Docker; a thread has its own. Raises Unreachable when it does not answer."""

    def __init__(self, address: str) -> None:
        with _translated():
            self._api: Any = APIClient(base_url=address, timeout=ANSWERS_IN_S)

    def machine(self) -> Machine:
        """Return what Docker has to give."""
        with _translated():
            info = self._api.info()
        rootless = any("rootless" in option for option in info.get("SecurityOptions") or ())
        size = Limits(int(info["NCPU"]), int(info["MemTotal"]))
        return Machine(size, rootless, self._has_bridge(), str(info.get("ServerVersion", "")))

    def _has_bridge(self) -> bool:
        with _translated():
            found = self._api.networks(filters={"driver": "bridge"})
        return any(network.get("Driver") == "bridge" for network in found)

    def image_id(self, reference: str) -> str | None:
        """Return the id of an image that is on this machine; None where it is not."""
        try:
            with _translated():
                return str(self._api.inspect_image(reference)["Id"])
        except NotFound:
            return None

    def pull(self, reference: str, report: Callable[[str], None]) -> None:
        """Fetch an image."""
        try:
            with _translated():
                for line in self._api.pull(reference, stream=True, decode=True):
                    if "error" in line:
                        raise Refused(str(line["error"]))
                    report(f"pulling {reference}: {line.get('status', '')}")
        except NotFound as error:
            raise Refused(str(error.explanation)) from None

    def find(self, name: str) -> Container | None:
        """Return the container with this name."""
        try:
            with _translated():
                found = self._api.inspect_container(name)
        except NotFound:
            return None
        state, config = found["State"], found["Config"]
        return Container(
            id=found["Id"],
            running=bool(state["Running"]),
            labels=config.get("Labels") or {},
            exit_code=int(state.get("ExitCode") or 0),
            out_of_memory=bool(state.get("OOMKilled")),
            error=str(state.get("Error") or ""),
            user=str(config.get("User") or ""),
        )

    def create(self, spec: ContainerSpec, secret_env: Mapping[str, str]) -> str:
        """Make a container, not yet running; return its id."""
        try:
            with _translated():
                return str(self._api.create_container_from_config(api_config(spec, secret_env), spec.name)["Id"])
        except NotFound as error:
            raise Refused(str(error.explanation)) from None

    def passwd(self, identifier: str) -> str:
        """Return the /etc/passwd of a container; empty where it has none."""
        try:
            with _translated():
                parts, _ = self._api.get_archive(identifier, "/etc/passwd")
                archive = io.BytesIO(b"".join(parts))
        except NotFound:
            return ""
        with tarfile.open(fileobj=archive) as tar:
            member = tar.extractfile("passwd")
            return member.read().decode(errors="replace") if member else ""

    def start(self, identifier: str) -> None:
        """Start a container."""
        try:
            with _translated():
                self._api.start(identifier)
        except NotFound as error:
            raise Refused(str(error.explanation)) from None

    def wait(self, identifier: str) -> int:
        """Return a container's exit status once it has ended."""
        try:
            with _translated():
                return int(self._api.wait(identifier, timeout=None)["StatusCode"])
        except NotFound:
            raise Refused("the container was removed") from None

    def stop(self, identifier: str, grace_s: int) -> None:
        """Ask a container to end, and kill it after `grace_s` seconds; one that is gone is no error."""
        with suppress(NotFound), _translated():
            self._api.stop(identifier, timeout=grace_s)

    def remove(self, identifier: str) -> None:
        """Remove a container, running or not; one that is gone is no error."""
        with suppress(NotFound), _translated():
            self._api.remove_container(identifier, force=True, v=True)

    def memory_kills(self, identifier: str) -> Iterator[None]:
        """Yield each time a process of a container is killed for want of memory."""
        with _translated():
            for _ in self._api.events(filters={"container": identifier, "event": "oom"}, decode=True):
                yield

    def logs(self, identifier: str, since: float) -> Iterator[bytes]:
        """Yield what a container writes, `TIME TEXT` a piece, until it ends; `since` in seconds since 1970."""
        told = {"since": since} if since else {}
        with suppress(NotFound), _translated():
            yield from self._api.logs(identifier, stream=True, follow=True, timestamps=True, **told)

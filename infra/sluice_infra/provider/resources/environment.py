"""Environment: what a deployment runs in, rebuilt from packages on this machine, or an image that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sluice.errors import DockerFailed, Unsupported
from sluice.plan.runtimes import Runtime
from sluice.plan.servers import ServerKind
from sluice.targets.local.environments import Talk, ensure_environment, environment_of
from sluice.targets.local.serving.images import requirements as all_requirements
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain

if TYPE_CHECKING:
    from sluice.images.feeds import Feed


class EnvironmentHandler(Handler):
    """A Python environment, which `key` names in the machine's cache; or an image, whose id is `key`."""

    inputs = ("name", "runtime", "server", "image", "requirements", "pythonVersion", "lock")
    replace = frozenset({"name"})
    computed = ("key", "packages")

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        """Refuse an image that can't be rebuilt from packages, and containers where there is no Docker."""
        del context, old
        try:
            if _is_image(new):
                _see_docker()
            else:
                _all_requirements(new)
        except Unsupported as error:
            yield "image", str(error)
        except DockerFailed as error:
            yield "runtime", str(error)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Resolve, lock and build; or see that the image is on this machine."""
        if _is_image(inputs):
            return inputs["name"], inputs | {"key": _image(context, inputs["image"]), "packages": None}
        from sluice.images.feeds import split_feeds  # late, as all that only one of the two forms needs

        feeds, wanted = split_feeds(_all_requirements(inputs))
        lock = inputs["lock"]
        environment, packages = ensure_environment(
            wanted,
            inputs["pythonVersion"],
            Talk(context.report, context.cancelled),
            lock=(context.root / lock["path"]).read_text(encoding="utf-8") if lock else None,
            config=_config(feeds),
        )
        context.report(f"environment {environment.key}: {packages} packages")
        return inputs["name"], inputs | {"key": environment.key, "packages": packages}

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return it unless the cache was emptied, or the image removed; then the next update makes it again."""
        del context, identifier
        return Live(state) if state and _is_there(state) else None

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Build the new one beside the old, which goes on serving."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Keep the folder, or the image: it is a cache, and others may share it."""
        del context, identifier, state


def _config(feeds: Sequence[Feed]) -> str:
    """Return what uv is told of the indexes that requirements name; private ones need a credential here."""
    if not feeds:
        return ""
    from sluice.images.prepare import indexes_of
    from sluice.images.uv import Run

    return indexes_of(feeds).run(Run()).config


def _is_image(inputs: Plain) -> bool:
    return bool(inputs["runtime"] == Runtime.DOCKER)


def _see_docker() -> None:
    """Raise DockerFailed where there is none."""
    from sluice.targets.local.docker.host import docker_address

    docker_address()


def _image(context: Context, reference: str) -> str:
    from sluice.targets.local.docker.host import connected, docker_address, docker_errors
    from sluice.targets.local.docker.images import ensure_image

    address = docker_address()
    engine = connected(address)
    with docker_errors(address):
        return ensure_image(engine, reference, context.report)


def _is_there(state: Plain) -> bool:
    """Tell whether what the key names is there. Where Docker is gone nothing is known: all is left as it is."""
    key = str(state.get("key"))
    if state.get("runtime") != Runtime.DOCKER:
        return environment_of(key).ready
    from sluice.targets.local.docker.host import connected, docker_address, docker_errors

    try:
        address = docker_address()
        engine = connected(address)
        with docker_errors(address):
            return engine.image_id(key) is not None
    except DockerFailed:
        return True


def _all_requirements(inputs: Plain) -> tuple[str, ...]:
    own = tuple(inputs["requirements"] or ())
    return all_requirements(inputs["image"], ServerKind(inputs["server"]), own)

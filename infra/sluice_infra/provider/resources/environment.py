"""Environment: what a deployment runs in, rebuilt from packages on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from sluice.errors import Unsupported
from sluice.plan.servers import ServerKind
from sluice.targets.local.environments import Talk, ensure_environment, environment_of
from sluice.targets.local.serving.images import requirements as all_requirements
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain


class EnvironmentHandler(Handler):
    """A Python environment; `key` names it in the machine's cache."""

    inputs = ("name", "server", "image", "requirements", "pythonVersion")
    replace = frozenset({"name"})
    computed = ("key", "packages")

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        """Refuse an image that can't be rebuilt from packages."""
        del context, old
        try:
            _all_requirements(new)
        except Unsupported as error:
            yield "image", str(error)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Resolve, lock and build."""
        wanted = _all_requirements(inputs)
        talk = Talk(context.report, context.cancelled)
        environment, packages = ensure_environment(wanted, inputs["pythonVersion"], talk)
        context.report(f"environment {environment.key}: {packages} packages")
        return inputs["name"], inputs | {"key": environment.key, "packages": packages}

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return it unless the cache was emptied; then the next update builds it again."""
        del context, identifier
        return Live(state) if state and environment_of(str(state.get("key"))).ready else None

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Build the new one beside the old, which goes on serving."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Keep the folder: it is a cache, and others may share it."""
        del context, identifier, state


def _all_requirements(inputs: Plain) -> tuple[str, ...]:
    own = tuple(inputs["requirements"] or ())
    return all_requirements(inputs["image"], ServerKind(inputs["server"]), own)

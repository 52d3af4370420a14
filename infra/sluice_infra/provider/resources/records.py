"""Identity, RoleAssignment and Connection: records of the local target, no processes behind them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from secrets import token_hex
from typing import ClassVar, Final

from sluice.plan.access import Assignment
from sluice.targets.local.registry import Registry
from sluice.targets.local.usage import refuse_used_connection, refuse_used_identity, refuse_used_role
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain

# A namespace of our own, so that the same name has the same ids on every machine.
IDS: Final = uuid.UUID("8a6c2a54-6f0b-5d49-9f0e-0a7b1f2f6a11")


class RecordHandler(Handler):
    """A resource whose whole being is one record. `kind` is its folder."""

    kind: ClassVar[str]

    def key(self, inputs: Plain) -> str:
        """Return the record's key, which is the resource's id."""
        return str(inputs["name"])

    def outputs(self, inputs: Plain, old: Plain) -> Plain:
        """Return what the target adds to the inputs; `old` is the record before, empty on create."""
        del inputs, old
        return {}

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Write the record; a record left by a killed run is taken over."""
        key, registry = self.key(inputs), self._registry(context)
        record = inputs | self.outputs(inputs, registry.get(key) or {})
        registry.put(key, record)
        return key, record

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the record."""
        del state
        record = self._registry(context).get(identifier)
        return Live(record) if record is not None else None

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Write the record anew."""
        record = inputs | self.outputs(inputs, state)
        self._registry(context).put(identifier, record)
        return record

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Remove the record. Raises StillUsed while something that runs needs it."""
        self.refuse_used(context, state)
        self._registry(context).delete(identifier)

    def refuse_used(self, context: Context, state: Plain) -> None:
        """Raise StillUsed while something that runs needs the record."""
        raise NotImplementedError

    def _registry(self, context: Context) -> Registry:
        return Registry(context.paths.registry(self.kind))


class IdentityHandler(RecordHandler):
    """Who an endpoint is."""

    kind = "identities"
    inputs = ("name", "type")
    replace = frozenset(inputs)
    computed = ("principalId", "clientId")

    def outputs(self, inputs: Plain, old: Plain) -> Plain:
        """Return ids that depend on the name only."""
        del old
        principal, client = (str(uuid.uuid5(IDS, f"{use}/{inputs['name']}")) for use in ("principal", "client"))
        return {"principalId": principal, "clientId": client}

    def refuse_used(self, context: Context, state: Plain) -> None:
        """Keep it while an endpoint acts as it."""
        refuse_used_identity(context.paths, state["name"])


class RoleAssignmentHandler(RecordHandler):
    """One role of one identity at one scope."""

    kind = "role-assignments"
    inputs = ("identity", "role", "scope")
    replace = frozenset(inputs)

    def key(self, inputs: Plain) -> str:
        """Return identity, role and scope in one."""
        return f"{inputs['identity']}/{inputs['role']}/{inputs['scope']}"

    def refuse_used(self, context: Context, state: Plain) -> None:
        """Keep it while a deployment reads secrets by it."""
        refuse_used_role(context.paths, Assignment(state["identity"], state["role"], state["scope"]))


class ConnectionHandler(RecordHandler):
    """A named secret bundle. `revision` changes with its content, and says nothing about it."""

    kind = "connections"
    inputs = ("name", "type", "configs", "secrets")
    replace = frozenset({"name"})
    secrets = frozenset({"secrets"})
    computed = ("revision",)

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        """Refuse empty secrets: a server would fail at its first request, not here."""
        del context, old
        empty = [key for key, value in (new.get("secrets") or {}).items() if value == ""]
        return (("secrets", f"connection {new['name']}: secret {key} is empty") for key in empty)

    def outputs(self, inputs: Plain, old: Plain) -> Plain:
        """Return a new revision unless the content is the same."""
        same = all(old.get(key) == inputs.get(key) for key in self.inputs)
        return {"revision": old["revision"] if same and old.get("revision") else token_hex(8)}

    def refuse_used(self, context: Context, state: Plain) -> None:
        """Keep it while a deployment reads it."""
        refuse_used_connection(context.paths, state["name"])

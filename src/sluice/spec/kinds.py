"""Which kind of specification a file is: its `$schema`, its keys and its name vote, and the most votes win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from pathlib import PurePath

from sluice.spec.kind_signs import (
    ADDRESS_SUFFIXES,
    ADDRESSES,
    EXAMPLE_KEYS,
    FILE_NAMES,
    KEYS,
    KNOWN_ADDRESSES,
    STEMS,
    TYPES,
)
from sluice.spec.nodes import MapNode, Node, dig, text

# A file that gets fewer votes is not recognised: one telling key is enough, a common one needs company.
_ENOUGH = 3
_BY_ADDRESS = 100
_BY_MISSPELLED_KEY = 2
# Looking for what was meant is slow; a file of ours has its telling keys among the first.
_KEYS_LOOKED_AT = 20


class Kind(StrEnum):
    """The kinds of files that have a schema here."""

    ENDPOINT = "endpoint"
    DEPLOYMENT = "deployment"
    MODEL = "model"
    ENVIRONMENT = "environment"
    CONNECTION = "connection"
    ACCESS = "access"
    STACK = "stack"
    FLOW = "flow"
    FLEX_FLOW = "flex-flow"
    RUN = "run"
    WORKSPACE = "workspace"
    CONFIG = "config"
    ROLLOUT = "rollout"


_KINDS: Mapping[str, Kind] = {kind.value: kind for kind in Kind}


def detect(node: Node, path: PurePath) -> Kind | None:
    """Return the kind of the file `path` with the content `node`, or None for what is no specification of ours."""
    return _KINDS.get(_recognised(node, path) or "")


def out_of_scope(node: Node, path: PurePath) -> str | None:
    """Return the name of a file that is recognised but not ours: "batch endpoint", "Kubernetes manifest"."""
    found = _recognised(node, path)
    return None if found in _KINDS else found


def claims(node: Node) -> str | None:
    """Return the one sort of file that the file's own `$schema` names: a kind, or what is out of scope.

    Prompt flow's address for both sorts of flow names none.
    """
    named = _by_address(_address_name(text(node, "$schema") or ""))
    return named[0] if len(named) == 1 else None


def unknown_address(node: Node) -> tuple[str, str | None] | None:
    """Return a `$schema` that names nothing known, and the known name it was probably meant to be."""
    address = text(node, "$schema")
    if address is None or _by_address(_address_name(address)):
        return None
    from difflib import get_close_matches

    known = {name.lower(): name for name in KNOWN_ADDRESSES}
    meant = get_close_matches(_address_name(address), known, n=1, cutoff=0.75)
    return address, known[meant[0]] if meant else None


def what_was_looked_for() -> str:
    """Return in words how a file's kind is told, for the message about one whose kind is not."""
    telling = ", ".join(f"`{key}` ({kind})" for kind, key in EXAMPLE_KEYS.items())
    return (
        f"Looked for a `$schema` that ends in one of {', '.join(f'{kind}.schema.json' for kind in Kind)} "
        f"or in a name of Azure's (managedOnlineDeployment.schema.json); for keys such as {telling}; "
        "and for file names such as flow.dag.yaml."
    )


def _recognised(node: Node, path: PurePath) -> str | None:
    if not isinstance(node, MapNode):
        return None
    votes: Counter[str] = Counter()
    for found in _votes(node, path):
        for name, count in found.items():
            votes[name] += count
    winner = _winner(votes)
    if winner is None:
        for found in _misspelled(node):
            votes.update(found)
        winner = _winner(votes)
    return winner


def _winner(votes: Counter[str]) -> str | None:
    """Return what has most votes; among equals the one that got its first vote first."""
    name, count = max(votes.items(), key=lambda vote: vote[1], default=("", 0))
    return name if count >= _ENOUGH else None


def _votes(node: MapNode, path: PurePath) -> Iterator[Mapping[str, int]]:
    yield from ({name: _BY_ADDRESS} for name in _by_address(_address_name(text(node, "$schema") or "")))
    yield from (KEYS[key] for key in node.entries if key in KEYS)
    yield from _value_votes(node)
    yield from _name_votes(path)


def _value_votes(node: MapNode) -> Iterator[Mapping[str, int]]:
    """Yield the votes of values: `type`, the forms of `identity` and `credentials`, the namespaces of `config`."""
    if type_ := text(node, "type"):
        yield TYPES.get(type_.replace("_", "").lower(), {})
    identity = dig(node, "identity")
    if "," in (text(identity, "type") or "") or isinstance(dig(identity, "user_assigned_identities"), MapNode):
        yield {Kind.WORKSPACE: 5}
    credentials = dig(node, "credentials")
    if isinstance(credentials, MapNode) and "type" not in credentials.entries:
        yield {"datastore": 3}
    config = dig(node, "config")
    if isinstance(config, MapNode) and any(":" in key for key in config.entries):
        yield {Kind.CONFIG: 3}


def _name_votes(path: PurePath) -> Iterator[Mapping[str, int]]:
    """Yield the votes of the file's name and its folder."""
    name, parent = path.name.lower(), path.parent.name.lower()
    yield from (votes for pattern, votes in FILE_NAMES if pattern.fullmatch(f"{parent}/{name}"))
    stem = name.partition(".")[0]
    yield from (votes for part, votes in STEMS if part in stem or parent == f"{part}s")


def _misspelled(node: MapNode) -> Iterator[Mapping[str, int]]:
    """Yield votes for the keys that the file's unknown keys were probably meant to be."""
    from difflib import get_close_matches

    telling = [key for key, votes in KEYS.items() if any(votes.get(kind, 0) >= _ENOUGH for kind in Kind)]
    for key in islice(node.entries, _KEYS_LOOKED_AT):
        if key not in KEYS and (meant := get_close_matches(key, telling, n=1, cutoff=0.75)):
            yield {name: min(votes, _BY_MISSPELLED_KEY) for name, votes in KEYS[meant[0]].items()}


@lru_cache(maxsize=256)
def _by_address(name: str) -> tuple[str, ...]:
    if name in ADDRESSES:
        return ADDRESSES[name]
    return next(((sort,) for suffix, sort in ADDRESS_SUFFIXES if name.endswith(suffix)), ())


@lru_cache(maxsize=256)
def _address_name(address: str) -> str:
    tail = address.partition("#")[0].replace("\\", "/").rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return tail.lower().removesuffix(".json").removesuffix(".schema")

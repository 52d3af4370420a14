"""Which properties differ between what is live and what is wanted: pure, and detailed down to map keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi.provider.experimental.provider import DiffResponse, PropertyDiff, PropertyDiffKind

from sluice_infra.provider.values import Plain

_SIMPLE: Final = re.compile(r"[^.\[\]\"]+")


def compare(state: Plain, wanted: Plain, *, inputs: tuple[str, ...], replace: frozenset[str]) -> DiffResponse:
    """Return the difference between a resource's state and its wanted inputs.

    The state holds every input beside the outputs; an absent one counts as null. A changed key of
    `replace` asks for a replacement.
    """
    old = {key: state.get(key) for key in inputs}
    new = {key: wanted.get(key) for key in inputs}
    changes = dict(_differences("", old, new))
    replaced = sorted(path for path in changes if _root(path) in replace)
    detail = {path: PropertyDiff(_kind(kind, path in replaced), input_diff=True) for path, kind in changes.items()}
    return DiffResponse(
        changes=bool(changes),
        replaces=replaced,
        diffs=sorted({_root(path) for path in changes}),
        detailed_diff=detail,
        delete_before_replace=False,
    )


def _differences(at: str, old: Any, new: Any) -> Iterator[tuple[str, PropertyDiffKind]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            path = _step(at, key)
            if key not in new:
                yield path, PropertyDiffKind.DELETE
            elif key not in old:
                yield path, PropertyDiffKind.ADD
            else:
                yield from _differences(path, old[key], new[key])
    elif old != new:
        yield at, PropertyDiffKind.UPDATE


def _step(at: str, key: str) -> str:
    """Return the path of a key in Pulumi's form: `tags.team`, but `tags["team.name"]`."""
    if not at:
        return key
    quoted = key.replace('"', '\\"')
    return f"{at}.{key}" if _SIMPLE.fullmatch(key) else f'{at}["{quoted}"]'


_REPLACING = {
    PropertyDiffKind.ADD: PropertyDiffKind.ADD_REPLACE,
    PropertyDiffKind.DELETE: PropertyDiffKind.DELETE_REPLACE,
    PropertyDiffKind.UPDATE: PropertyDiffKind.UPDATE_REPLACE,
}


def _kind(kind: PropertyDiffKind, replacing: bool) -> PropertyDiffKind:
    return _REPLACING[kind] if replacing else kind


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]

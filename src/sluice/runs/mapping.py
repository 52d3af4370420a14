"""What fills a flow's inputs: `column_mapping`, completed and followed. Pure.

As prompt flow does: an input without mapping and default takes the data's column of its own name; what is no whole
reference is a literal value; nothing is mapped to `line_number`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sluice.errors import SpecError
from sluice.spec.findings import nearest
from sluice.spec.frozen import frozen_map
from sluice.spec.rules.run import LINE_NUMBER, reference

DATA: Final = "data"
OUTPUTS: Final = "run.outputs"
INPUTS: Final = "run.inputs"
_NAMES: Final = {DATA: "the data", OUTPUTS: "the base run's outputs", INPUTS: "the base run's inputs"}

Columns = Mapping[str, Mapping[str, Any]]
"""Values by source (`DATA`, `OUTPUTS`, `INPUTS`) and column, of one line."""


def completed(mapping: Mapping[str, Any], inputs: Mapping[str, bool]) -> Mapping[str, Any]:
    """Return the mapping with the inputs it does not name; `inputs` tells of each whether it has a default."""
    own = {name: f"${{data.{name}}}" for name, default in inputs.items() if not default}
    return frozen_map({**own, **{name: value for name, value in mapping.items() if name != LINE_NUMBER}})


def whole_line(columns: Sequence[str]) -> Mapping[str, Any]:
    """Return the mapping that hands on every column as it is."""
    return frozen_map({name: f"${{data.{name}}}" for name in columns if name != LINE_NUMBER})


def sources(mapping: Mapping[str, Any]) -> frozenset[str]:
    """Return which sources a mapping reads."""
    return frozenset(source for _, source, _ in _references(mapping))


def refuse_missing(mapping: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> None:
    """Raise SpecError for a source that the run lacks, or a column that no line of it has, with the nearest name."""
    for name, source, column in _references(mapping):
        if source not in known:
            raise SpecError(
                f"`{name}` reads {_NAMES.get(source, f'`{source}`')}, which this run has not",
                remedy="Add `run`, the name of a finished run." if source != DATA else "Add `data`.",
            )
        if column in known[source]:
            continue
        meant = nearest(column, list(known[source]))
        raise SpecError(
            f"`{name}` reads `{column}` of {_NAMES[source]}, which has no such column",
            remedy=f"Did you mean `{meant}`?" if meant else f"It has {', '.join(known[source][:20]) or 'none'}.",
        )


def mapped(mapping: Mapping[str, Any], line: Columns) -> tuple[dict[str, Any], str]:
    """Return the inputs of one line, and what is missing for them (empty: nothing)."""
    found: dict[str, Any] = {}
    missing = []
    for name, value in mapping.items():
        read = _followed(value)
        if read is None:
            found[name] = value
        elif read[1] in line.get(read[0], {}):
            found[name] = line[read[0]][read[1]]
        else:
            missing.append(f"`{read[1]}` of {_NAMES.get(read[0], read[0])}")
    return found, f"this line lacks {', '.join(missing)}" if missing else ""


def _references(mapping: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in mapping.items():
        read = _followed(value)
        if read is not None:
            yield name, *read


def _followed(value: Any) -> tuple[str, str] | None:
    return reference(value) if isinstance(value, str) else None

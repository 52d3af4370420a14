"""The reference implementation of JSON Schema and the fast one say the same of every file."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import KINDS, in_place, mutants, real_files
from reference_validator import reference

from sluice.errors import SpecFileError
from sluice.spec.kinds import Kind
from sluice.spec.nodes import to_json
from sluice.spec.parse import read_node
from sluice.spec.schema import normalised, top, validator


def disagreement(path: Path, kind: Kind) -> str | None:
    """Return the path of a file, as written or as normalised, of which the two say different things."""
    try:
        node = read_node(path, path.parent)
    except SpecFileError:
        return None
    for form, data in (("written", to_json(node)), ("read", to_json(normalised(node, top(kind))))):
        if validator(kind).is_valid(data) != reference(kind).is_valid(data):
            return f"{path} as {form}: {[str(error.message) for error in reference(kind).iter_errors(data)]}"
    return None


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
def test_real_files(kind: str, laid_out: Path) -> None:
    paths = [laid_out / "real" / one.path for one in real_files() if one.kind == kind]

    assert paths
    assert [found for path in paths if (found := disagreement(path, Kind(KINDS[kind])))] == []


@pytest.mark.parametrize("kind", sorted({one.kind for one in mutants()} & set(KINDS)))
def test_files_with_a_fault(kind: str, laid_out: Path) -> None:
    paths = [in_place(one, laid_out) for one in mutants() if one.kind == kind]

    assert [found for path in paths if (found := disagreement(path, Kind(KINDS[kind])))] == []

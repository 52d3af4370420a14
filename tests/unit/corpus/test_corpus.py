"""Real files, and files with one fault: the first are accepted, the others refused in the lines of their fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from corpus import CORPUS, KINDS, Mutant, Real, in_place, mutants, real_files

from sluice.spec.files import Reading, Source, validated
from sluice.spec.flags import Flags
from sluice.spec.kinds import Kind
from sluice.spec.results import FileResult, Finding

pytestmark = pytest.mark.slow
DIFFERENCES = Path(__file__).parents[3] / "docs" / "validation-differences.md"
REAL = real_files()
OURS = [one for one in REAL if one.kind in KINDS]
MUTANTS = mutants()
NAMES = Flags(name="some-name", endpoint_name="some-endpoint")


def test_there_is_a_corpus() -> None:
    if not (CORPUS / "real.tsv").is_file():
        pytest.skip(f"no corpus at {CORPUS}; SLUICE_CORPUS names another place")
    assert OURS
    assert MUTANTS


def differences() -> dict[str, str]:
    """Return the code told of each file that is refused although Azure's or prompt flow's loader takes it."""
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", DIFFERENCES.read_text(encoding="utf-8"), re.MULTILINE)
    return {path: code for path, code in rows if "/" in path}


def results(folder: Path, path: Path, kind: str | None, flags: Flags | None = None) -> list[FileResult]:
    reading = Reading(kind=Kind(KINDS[kind]) if kind in KINDS else None, flags=flags or Flags())
    return list(validated(folder, [Source(path)], reading))


def errors(folder: Path, path: Path, kind: str | None, flags: Flags | None = None) -> list[Finding]:
    found = results(folder, path, kind, flags)
    return [finding for result in found for finding in result.findings if finding.severity == "error"]


def without_names(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings but for names that are missing: these may come from flags."""
    names = {"`name` is missing", "`endpoint_name` is missing"}
    return [one for one in found if one.diagnostic.message not in names]


def told(found: Sequence[Finding]) -> str:
    return "\n".join(f"{one.diagnostic.at}: [{one.diagnostic.code}] {one.diagnostic.message}" for one in found)


@pytest.mark.parametrize("real", [one for one in OURS if one.loads], ids=lambda one: one.path)
def test_what_the_loaders_take_is_accepted(real: Real, laid_out: Path) -> None:
    found = errors(laid_out, laid_out / "real" / real.path, real.kind, NAMES)
    code = differences().get(real.path)

    if code is None:
        assert not found, told(found)
    else:
        assert code in {one.diagnostic.code for one in found}, f"{DIFFERENCES.name} says {code}\n{told(found)}"


def test_differences_are_of_the_corpus(laid_out: Path) -> None:
    missing = [path for path in differences() if not (laid_out / "real" / path).is_file()]

    assert not missing or CORPUS.name != "corpus", missing


@pytest.mark.parametrize("real", [one for one in REAL if one.kind.startswith("batch_")], ids=lambda one: one.path)
def test_batch_files_are_named_and_skipped(real: Real, laid_out: Path) -> None:
    (result,) = results(laid_out, laid_out / "real" / real.path, None)

    assert result.ok, told(result.findings)
    assert {one.diagnostic.code for one in result.findings} == {"out-of-scope"}


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.expected == "invalid"], ids=lambda one: one.path)
def test_a_fault_is_told_in_its_lines(mutant: Mutant, laid_out: Path) -> None:
    found = fresh(errors(laid_out, in_place(mutant, laid_out), mutant.kind), mutant, laid_out)
    lines = changed_lines(mutant, laid_out)

    assert found, f"nothing is told of {mutant.what}"
    assert any(one.diagnostic.at.line in lines for one in found), f"{mutant.what} in {lines}\n{told(found)}"


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.expected == "valid"], ids=lambda one: one.path)
def test_a_harmless_change_is_accepted(mutant: Mutant, laid_out: Path) -> None:
    found = without_names(errors(laid_out, in_place(mutant, laid_out), mutant.kind))

    assert not fresh(found, mutant, laid_out), f"{mutant.what}\n{told(found)}"


def fresh(found: Sequence[Finding], mutant: Mutant, folder: Path) -> list[Finding]:
    """Return the findings that the mutant's base has not; all where the two are of different kinds."""
    if {one.kind for one in REAL if one.path == mutant.base} != {mutant.kind}:
        return list(found)
    base = without_names(errors(folder, folder / "real" / mutant.base, mutant.kind))
    known = {(one.diagnostic.code, one.diagnostic.message) for one in base}
    return [one for one in found if (one.diagnostic.code, one.diagnostic.message) not in known]


def changed_lines(mutant: Mutant, folder: Path) -> range:
    """Return the lines from the fault to the end of what was changed; every line where the fault has none."""
    before = read_lines(folder / "real" / mutant.base)
    after = read_lines(folder / mutant.path)
    if not mutant.line:
        return range(1, len(after) + 2)
    changes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    ends = [last for name, _, _, first, last in changes if name != "equal" and last >= mutant.line]
    return range(mutant.line, max([mutant.line, *ends]) + 1)


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()

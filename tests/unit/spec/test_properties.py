"""What holds of every file, whatever is in it: a result, marks inside the file, and no exception."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_data import ANYTHING, SIGNS, changed, of_kind

from sluice.errors import SpecFileError
from sluice.spec.faults import Fault
from sluice.spec.files import validate_files
from sluice.spec.findings import MOST_FINDINGS, schema_findings
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Node, to_json
from sluice.spec.parse import parse_documents
from sluice.spec.results import FileResult
from sluice.spec.schema import normalised, top, validator

ALL = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
FEW = settings(ALL, max_examples=20)  # for each kind
KINDS = st.none() | st.sampled_from(Kind)
LINES = st.lists(
    st.sampled_from(
        ["name: a", "  b: [c", "- x", "\t", "k: &a {<<: *a}", "'", '"', "? ", "--- ", "...", "#", "{{A}}", "|"]
    )
    | st.text(SIGNS, max_size=12)
)


def validated(folder: Path, content: bytes, kind: Kind | None) -> FileResult:
    path = folder / "f.yaml"
    path.write_bytes(content)
    return validate_files(folder, [path], kind)[0]


def node(data: object) -> Node:
    return parse_documents(yaml.safe_dump(data, allow_unicode=True), "f.yaml")[0]


def assert_marks_lie_inside(result: FileResult, content: str) -> None:
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", content)
    for finding in result.findings:
        at = finding.diagnostic.at
        assert 1 <= at.line <= len(lines), finding
        assert 1 <= at.column <= len(lines[at.line - 1]) + 1, finding
        assert finding.diagnostic.message, finding
        assert finding.diagnostic.code, finding


@pytest.mark.parametrize("kind", [None, *Kind])
@FEW
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_result(content: bytes, kind: Kind | None, tmp_path: Path) -> None:
    result = validated(tmp_path, content, kind)

    assert result.path == "f.yaml"


@ALL
@given(lines=LINES, kind=KINDS)
def test_any_text_gives_a_result_with_marks_inside(lines: list[str], kind: Kind | None, tmp_path: Path) -> None:
    content = "\n".join(lines)

    assert_marks_lie_inside(validated(tmp_path, content.encode(), kind), content)


@ALL
@given(data=ANYTHING, kind=KINDS)
def test_any_data_gives_a_result_with_marks_inside(data: object, kind: Kind | None, tmp_path: Path) -> None:
    content = yaml.safe_dump(data, allow_unicode=True)

    assert_marks_lie_inside(validated(tmp_path, content.encode(), kind), content)


@pytest.mark.parametrize("kind", list(Kind))
@FEW
@given(data=st.data())
def test_changed_data_of_a_kind_gives_a_result_with_marks_inside(
    kind: Kind, data: st.DataObject, tmp_path: Path
) -> None:
    content = yaml.safe_dump(data.draw(of_kind(kind).flatmap(changed)), allow_unicode=True)

    assert_marks_lie_inside(validated(tmp_path, content.encode(), kind), content)


@pytest.mark.parametrize("kind", list(Kind))
@FEW
@given(data=st.data())
def test_data_made_from_a_schema_is_valid_and_stays_so_when_read(kind: Kind, data: st.DataObject) -> None:
    made = data.draw(of_kind(kind))
    read = normalised(node(made), top(kind))

    assert validator(kind).is_valid(made)
    assert schema_findings(kind, read, top(kind)) == ()
    assert to_json(normalised(read, top(kind))) == to_json(read)


@pytest.mark.parametrize("kind", list(Kind))
@FEW
@given(data=st.data())
def test_every_finding_about_a_key_names_it(kind: Kind, data: st.DataObject, tmp_path: Path) -> None:
    made = data.draw(
        of_kind(kind).filter(lambda found: len(found) > 0).flatmap(changed).filter(lambda made: isinstance(made, dict))
    )
    content = yaml.safe_dump(made, allow_unicode=True)
    result = validated(tmp_path, content.encode(), kind)

    for finding in result.findings:
        assert finding.key or (finding.diagnostic.at.line, finding.diagnostic.at.column) == (1, 1), finding


@given(data=ANYTHING)
def test_what_is_written_is_read_back(data: object) -> None:
    assert to_json(node(data)) == data


@given(content=st.text())
def test_any_text_is_read_or_refused_with_a_code(content: str) -> None:
    assert read_or_refused(content) <= {"read", *Fault}


def read_or_refused(content: str) -> set[str]:
    try:
        parse_documents(content, "f.yaml")
    except SpecFileError as error:
        return {error.code} if error.at else {"no place"}
    return {"read"}


def test_of_very_many_breaches_the_first_are_told(tmp_path: Path) -> None:
    content = "name: chat\n" + "".join(f"unknown-{number}: x\n" for number in range(2_000))

    found = validated(tmp_path, content.encode(), Kind.ENDPOINT).findings

    assert len(found) == MOST_FINDINGS + 1
    assert [one.diagnostic.at.line for one in found[:MOST_FINDINGS]] == [*range(2, MOST_FINDINGS + 2)]
    assert {one.diagnostic.code for one in found} == {"unknown-key", "more-findings"}

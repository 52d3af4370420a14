"""Results on disk: safe against a kill at any byte, the last result of a line counts, lines come in order."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.runs.journal import Journal, Result, Writer

RESULTS = st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.text(max_size=5)), max_size=15)
in_own_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def results_of(found: list[tuple[int, bool, str]]) -> list[Result]:
    return [{"line": line, **({"output": {"t": text}} if good else {"error": "no"})} for line, good, text in found]


def write(path: Path, results: list[Result]) -> Journal:
    journal = Journal(path)
    with Writer(journal) as writer:
        for one in results:
            writer.append(one)
    return journal


@in_own_folder
@given(RESULTS)
def test_the_last_result_of_each_line_counts(tmp_path: Path, found: list[tuple[int, bool, str]]) -> None:
    (tmp_path / "r.jsonl").unlink(missing_ok=True)
    results = results_of(found)
    journal = write(tmp_path / "r.jsonl", results)
    last = {one["line"]: one for one in results}
    assert list(journal.in_order()) == [last[line] for line in sorted(last)]
    assert journal.done().good == {line for line, one in last.items() if "output" in one}
    assert journal.done().bad == {line for line, one in last.items() if "error" in one}


@in_own_folder
@given(RESULTS, st.data())
def test_a_kill_at_any_byte_loses_the_line_under_way_and_no_other(
    tmp_path: Path, found: list[tuple[int, bool, str]], data: st.DataObject
) -> None:
    path = tmp_path / "r.jsonl"
    path.unlink(missing_ok=True)
    results = results_of(found)
    write(path, results)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    kept = path.read_bytes().count(b"\n")
    later: Result = {"line": 99, "output": {}}
    journal = write(path, [later])
    assert journal.follow(0)[0] == [*results[:kept], later]


def test_following_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    assert Journal(path).follow(0) == ([], 0)
    journal = write(path, [{"line": 0, "output": {}}])
    first, position = journal.follow(0)
    write(path, [{"line": 1, "output": {}}, {"line": 2, "error": "x"}])
    assert [one["line"] for one in first] == [0]
    assert [one["line"] for one in journal.follow(position)[0]] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600

"""Runs on disk: names, status as it truly is, tables, pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Busy, NotFound, SpecFileError, UsageError
from sluice.runs.details import cells, worst_of
from sluice.runs.names import default_name, display_name, refuse_bad_name
from sluice.runs.page import page
from sluice.runs.store import RunFolder, RunStore
from sluice.runs.variables import parsed

MakeRun = Callable[..., RunFolder]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_a_run_that_nothing_drives_is_interrupted_and_counts_what_is_done(make_run: MakeRun) -> None:
    run = make_run("r", [{"a": 1}, "bad"], status="running")
    assert run.record()["status"] == "interrupted"
    with run.driving():
        assert run.record()["status"] == "running"
        assert run.record()["lines"] == {"total": 2, "completed": 1, "failed": 1}
        with pytest.raises(Busy), run.driving():
            pass


def test_what_follows_from_the_results_is_for_the_owner_alone(make_run: MakeRun) -> None:
    run = make_run("r", [{"a": 1}, "bad"], metrics={"m": 2})
    assert run.outputs.read_text() == '{"line_number": 0, "a": 1}\n'
    assert run.errors.read_text() == '{"line_number": 1, "error": "bad"}\n'
    assert run.metrics() == {"m": 2}
    assert {path.stat().st_mode & 0o077 for path in run.path.iterdir()} == {0}
    assert run.path.stat().st_mode & 0o077 == 0


def test_a_name_is_taken_once_and_a_wrong_one_is_corrected(make_run: MakeRun, store: RunStore) -> None:
    make_run("evaluation", [{"a": 1}])
    with pytest.raises(UsageError, match="exists"):
        store.make("evaluation")
    with pytest.raises(NotFound) as caught:
        store.get("evalution")
    assert caught.value.remedy == "Did you mean evaluation?"
    with pytest.raises(NotFound):
        store.get("../runs/evaluation")


@given(st.text(max_size=200), st.none() | st.tuples(st.text(max_size=9), st.text(max_size=9)))
def test_every_default_name_is_a_name(subject: str, variant: tuple[str, str] | None) -> None:
    name = default_name(subject, variant, NOW)
    refuse_bad_name(name)
    assert name.endswith("20260102_030405_000678")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "-x", "a b", "x" * 121, "é"])
def test_names_that_can_not_be_folders_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        refuse_bad_name(name)


def test_macros_of_a_display_name_are_filled_in() -> None:
    assert display_name("${run}-${variant_id}-${timestamp}-${x}", "r", ("n", "v"), NOW) == "r-v-20260102030405-${x}"


def test_the_worst_lines_are_those_that_failed_then_the_lowest(make_run: MakeRun) -> None:
    rows = list(make_run("r", [{"s": 3}, {"s": 1}, "bad", {"s": 2}, {"t": "x"}]).rows())
    assert [row["line"] for row in worst_of(rows, 3, None, highest=False)] == [2, 1, 3]
    assert [row["line"] for row in worst_of(rows, 3, "s", highest=True)] == [2, 0, 3]
    with pytest.raises(UsageError, match="no line has an output `z`"):
        worst_of(rows, 3, "z", highest=False)
    head, table = cells(rows)
    assert head == ("line", "inputs.q", "outputs.s", "outputs.t", "error")
    assert table[2] == ("2", "q2", "", "", "bad")


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]


def test_a_page_holds_every_line_escaped_and_needs_nothing_else(make_run: MakeRun) -> None:
    evil = "<script>alert(1)</script><!--LINES-->"
    one, other = make_run("one", [{"a": evil}, {"a": 2}]), make_run("two", [{"a": 3}, "boom & <b>"])
    text = page([one, other])
    words = Words()
    words.feed(text)
    assert words.tags.count("script") == 1
    assert words.addresses == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;!--LINES--&gt;" in text
    assert "boom &amp; &lt;b&gt;" in text
    assert words.tags.count("tr") == 3 + 2 + 3  # heads and rows of the three tables


def test_variables_of_a_file_are_read_and_no_value_shows_in_an_error() -> None:
    text = "# comment\nexport A=1\nB='two # words'\nC = \"x\" \nD=plain # note\n\nE=\n"
    assert parsed(text, ".env") == {"A": "1", "B": "two # words", "C": "x", "D": "plain", "E": ""}
    with pytest.raises(SpecFileError, match=r"\.env: line 2 is no") as caught:
        parsed("A=1\nsecret-value\n", ".env")
    assert "secret-value" not in str(caught.value)

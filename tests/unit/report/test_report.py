"""What the user sees: tables, colours and the living line, on a terminal and elsewhere."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.report import Progress, coloured, note, say, say_json, table

CELLS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=8).map(str.strip)


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@given(st.lists(st.tuples(CELLS, CELLS, st.integers(0, 10**6)), max_size=5))
def test_a_tables_columns_stand_below_each_other(rows: list[tuple[str, str, int]]) -> None:
    head, *lines = table(("name", "state", "count"), rows).split("\n")
    assert head.split() == ["NAME", "STATE", "COUNT"]
    assert len(lines) == len(rows)
    second, third = head.index("STATE"), head.index("COUNT")
    for line, row in zip(lines, rows, strict=True):
        assert [line[:second].rstrip(), line[second:third].rstrip(), line[third:]] == [row[0], row[1], str(row[2])]


def test_colours_are_for_terminals() -> None:
    assert coloured("words", "red", io.StringIO()) == "words"
    assert coloured("words", "red", Terminal()) == "\x1b[31mwords\x1b[0m"


def test_results_and_what_is_said_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    say("a result")
    note("beside")
    say_json({"ü": [1]})
    out, err = capsys.readouterr()
    assert err == "beside\n"
    assert out.startswith("a result\n")
    assert json.loads(out.removeprefix("a result\n")) == {"ü": [1]}


def test_elsewhere_each_change_is_one_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for text in ("starting", "starting", "ready"):
        progress.status("blue", text)
    progress.done("blue", "created")
    progress.close()
    said = [line.split(" s  ", 1)[1] for line in stream.getvalue().splitlines()]
    assert said == ["blue: starting", "blue: ready", "blue: created"]
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_the_last_line_lives_and_what_is_done_stays() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.status("blue", "starting")
    progress.status("green", "starting")
    progress.done("blue", "created")
    progress.close()
    screen = shown(stream.getvalue())
    assert [line.split(" s  ", 1)[1] for line in screen if line] == ["blue: created"]


def test_the_living_line_is_no_wider_than_a_screen() -> None:
    stream = Terminal()
    progress = Progress(stream)
    for number in range(30):
        progress.status(f"deployment {number}", "starting")
    assert max(map(len, stream.getvalue().split("\r\x1b[2K"))) <= 118


def shown(text: str) -> list[str]:
    """What a terminal shows in the end: a line that was erased is gone."""
    return [line.split("\r\x1b[2K")[-1].replace("\x1b[32m", "").replace("\x1b[0m", "") for line in text.split("\n")]

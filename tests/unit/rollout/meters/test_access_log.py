"""Following a log: each line once, whatever happens to the file."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.meters.access_log import Position, end_of, last_lines, position_of, read_on


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def append(log: Path, text: str) -> None:
    with log.open("ab") as file:
        file.write(text.encode())


def rotate(log: Path) -> None:
    """As the gateway does it, before Envoy has opened the new file."""
    log.replace(log.with_suffix(".log.1"))


def test_a_log_that_is_not_there_yet_is_read_from_its_beginning(log: Path) -> None:
    began = end_of(log)
    assert read_on(log, began).lines == ()
    append(log, "one\ntwo\n")
    found = read_on(log, began)
    assert (found.lines, found.gap) == ((b"one", b"two"), False)


def test_a_line_is_read_when_it_is_whole(log: Path) -> None:
    append(log, "one\ntw")
    found = read_on(log, Position())
    assert found.lines == (b"one",)
    append(log, "o\n")
    assert read_on(log, found.position).lines == (b"two",)


def test_only_what_comes_later_is_read(log: Path) -> None:
    append(log, "one\ntw")
    at = end_of(log)
    append(log, "o\nthree\n")
    assert read_on(log, at).lines == (b"two", b"three")


def test_a_rotation_loses_nothing(log: Path) -> None:
    append(log, "one\n")
    at = read_on(log, Position()).position
    append(log, "two\n")
    rotate(log)
    first = read_on(log, at)
    assert first.lines == (b"two",)
    append(log.with_suffix(".log.1"), "three\n")  # Envoy has not opened the new file yet
    append(log, "four\n")
    second = read_on(log, first.position)
    assert (second.lines, second.gap) == ((b"three", b"four"), False)
    assert read_on(log, second.position).lines == ()


def test_two_rotations_leave_a_gap_that_is_told(log: Path) -> None:
    append(log, "one\n")
    at = read_on(log, Position()).position
    for text in ("two\n", "three\n"):
        append(log, text)
        rotate(log)
    append(log, "four\n")
    found = read_on(log, at)
    assert (found.lines, found.gap) == ((b"four",), True)
    assert not read_on(log, found.position).gap


def test_a_file_with_the_inode_of_another_is_not_taken_for_it(log: Path) -> None:
    append(log, "one\n")
    at = read_on(log, Position()).position
    log.write_bytes(b"two\nthree\n")  # the same inode, as a new file may get it
    found = read_on(log, at)
    assert (found.lines, found.gap) == ((b"two", b"three"), True)


def test_a_file_that_was_emptied_is_read_anew(log: Path) -> None:
    append(log, "one\n")
    at = read_on(log, Position()).position
    log.write_bytes(b"")
    found = read_on(log, at)
    assert (found.lines, found.gap) == ((), True)


def test_much_is_read_bit_by_bit(log: Path) -> None:
    append(log, "".join(f"{number}\n" for number in range(1000)))
    rotate(log)
    append(log, "last\n")
    lines: list[bytes] = []
    at, times = Position(log.with_suffix(".log.1").stat().st_ino), 0
    while (found := read_on(log, at, 100)).position != at:
        at, times = found.position, times + 1
        lines += found.lines
    assert lines == [*(b"%d" % number for number in range(1000)), b"last"]
    assert times > 20


def test_bytes_without_an_end_do_not_stop_it(log: Path) -> None:
    append(log, "x" * 250 + "\none\n")
    lines: list[bytes] = []
    at = Position(log.stat().st_ino)
    while (found := read_on(log, at, 100)).position != at:
        at = found.position
        lines += found.lines
    assert lines[-1] == b"one"


def test_the_lines_before_a_position(log: Path) -> None:
    append(log, "one\ntwo\n")
    rotate(log)
    append(log, "three\nfour\n")
    at = end_of(log)
    append(log, "five\n")
    assert list(last_lines(log, at)) == [b"one", b"two", b"three", b"four"]
    assert list(last_lines(log, at, 14)) == [b"three", b"four"]
    assert list(last_lines(log, at, 8)) == [b"four"]


def test_a_log_that_may_not_be_read_says_so(log: Path) -> None:
    log.mkdir()
    with pytest.raises(OSError, match="directory"):
        read_on(log, Position())


@given(st.data())
def test_any_cut_of_the_log_gives_every_line_once(data: st.DataObject) -> None:
    """Written in any pieces, read at any times, by readers that go on where others were killed, and rotated."""
    lines = [f'{{"request_id":"{number}"}}' for number in range(data.draw(st.integers(0, 20)))]
    text = "".join(f"{one}\n" for one in lines)
    with TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        found: list[bytes] = []
        at = Position()
        while text:
            piece, text = text[: (size := data.draw(st.integers(1, 80)))], text[size:]
            append(log, piece)
            if data.draw(st.booleans()):
                read = read_on(log, at, data.draw(st.sampled_from([40, 1000])))
                found += read.lines
                assert not read.gap
                at = position_of(json.loads(json.dumps(read.position.plain())))
            followed = at.inode == log.stat().st_ino  # the reader has come so far: it is never two files behind
            if piece.endswith("\n") and text and followed and data.draw(st.booleans()):
                rotate(log)
        while (read := read_on(log, at, 60)).position != at:
            found += read.lines
            at = read.position
    assert found == [one.encode() for one in lines]

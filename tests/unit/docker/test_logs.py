"""A container's log, read by one runner after the other."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.local.docker.logs import Cursor, since, split, stream

moments = st.integers(0, 10**9 * 4).map(lambda ns: f"2026-11-22T20:00:0{ns // 10**9}.{ns % 10**9:09}Z ".encode())


@given(st.lists(moments, unique=True).map(sorted), st.integers(0, 20))
def test_each_piece_is_written_once_wherever_the_first_reader_was_killed(
    tmp_path_factory: object, times: list[bytes], killed_after: int
) -> None:
    folder = Path(str(tmp_path_factory.mktemp("log")))  # type: ignore[attr-defined]
    cursor, written = Cursor(folder / "position"), list[bytes]()
    pieces = [time + str(number).encode() for number, time in enumerate(times)]

    stream(pieces[:killed_after], "one", cursor, written.append)
    stream(pieces, "one", cursor, written.append)

    assert written == [str(number).encode() for number in range(len(times))]


def test_another_container_begins_anew(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "position")
    cursor.write("one", "2026-11-22T20:00:00.000000001")

    assert cursor.read("one")
    assert cursor.read("two") == ""


def test_times_compare_whatever_their_zone_and_digits() -> None:
    assert split(b"2026-11-22T21:00:00.5+01:00 words\n") == ("2026-11-22T20:00:00.500000000", b"words\n")
    assert split(b"2026-11-22T20:00:00Z ") == ("2026-11-22T20:00:00.000000000", b"")
    assert split(b"no time at all") == ("", b"no time at all")


def test_reading_goes_on_a_little_before_the_last_piece() -> None:
    assert since("") == 0
    assert 0 < 1_795_377_600.5 - since("2026-11-22T20:00:00.500000000") < 0.01

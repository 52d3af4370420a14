"""What is kept of recorded requests: so many, so large, redacted, for their owner only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sluice.spec.rollout import Record
from sluice.targets.local.envoy.tap import Exchange
from sluice.targets.local.recorder import Pace
from sluice.targets.local.recordings import Recorded, Recordings, kept_of

EXCHANGE = Exchange(b'{"q": "hi"}', b'{"a": "ho"}', 200, "blue", "application/json", "application/json", encoded=False)


def one(number: int) -> Recorded:
    return Recorded(number, 5.0, b"\xff body", "application/json", None if number % 2 else b"answer", 200, "blue")


def test_the_oldest_go_first_and_the_newest_come_first(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "recorded")
    assert (list(recordings.newest(5)), recordings.next_number()) == ([], 1)
    for number in range(1, 13):
        recordings.put(one(number), most=10)
        assert len(list(recordings.folder.iterdir())) <= 10
    assert list(recordings.newest(3)) == [one(12), one(11), one(10)]
    assert [found.number for found in recordings.newest(99)] == list(range(12, 2, -1))
    assert list(recordings.newest(0)) == []
    recordings.trim(2)
    assert [found.number for found in recordings.newest(99)] == [12, 11]
    assert Recordings(recordings.folder).next_number() == 13


def test_files_are_their_owners(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path / "recorded")
    recordings.put(one(1), most=1)
    assert stat.S_IMODE(recordings.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in recordings.folder.iterdir()} == {0o600}
    assert "body" not in repr(one(1)).replace("body=", "")


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    for number in (1, 2):
        recordings.put(one(number), most=9)
    (tmp_path / f"{2:012d}.json").write_text("{")
    assert list(recordings.newest(9)) == [one(1)]


def test_both_bodies_are_redacted() -> None:
    kept = kept_of(EXCHANGE, Record(redact=("/q", "/a")), 1, 5.0)
    assert kept is not None
    assert (kept.body, kept.answer) == (b'{"q": "[redacted]"}', b'{"a": "[redacted]"}')


@pytest.mark.parametrize("body", [None, b"q=hi"])
def test_a_request_that_is_too_long_or_not_to_be_redacted_is_not_kept(body: bytes | None) -> None:
    assert kept_of(Exchange(body, b"{}", 200, "blue", "", "", encoded=False), Record(redact=("/q",)), 1, 5.0) is None


def test_an_encoded_request_is_not_kept() -> None:
    assert kept_of(Exchange(b"{}", b"{}", 200, "blue", "", "", encoded=True), Record(), 1, 5.0) is None


@pytest.mark.parametrize("answer", [None, b"data: hi\n\n"])
def test_an_answer_that_can_not_be_kept_is_missing(answer: bytes | None) -> None:
    exchange = Exchange(b"{}", answer, 200, "blue", "", "text/event-stream", encoded=False)
    kept = kept_of(exchange, Record(redact=("/q",)), 1, 5.0)
    assert kept is not None
    assert (kept.answer, kept.content_type) == (None, "application/json")


def test_a_second_has_room_for_so_many() -> None:
    pace = Pace(3)
    assert [pace.rest_s(now) for now in (10.0, 10.25, 10.5)] == [0.0, 0.0, 0.5]
    assert [pace.rest_s(now) for now in (11.0, 11.5, 12.0, 12.0)] == [0.0, 0.0, 0.0, 0.0]
    assert pace.rest_s(12.75) == 0.25

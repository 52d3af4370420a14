"""Notices delivered to real servers, commands and files: each once, and nobody waits for a slow receiver."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from told_server import Told, Web, until

from sluice.errors import NotifyFailed
from sluice.rollout.notify import DELIVERED, TRIES, Delivery, Notice, Teller, deliver
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import NoticeForm, Notify

pytestmark = pytest.mark.process

NOTICE = Notice("w1-1", "chat", "walking", says="10 % to green")
PATH = "/services/T0/B0/a-secret-of-slack"


@pytest.fixture
def how(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path, backoff_s=0.01)


@pytest.mark.parametrize(
    ("form", "key"), [(NoticeForm.JSON, "phase"), (NoticeForm.SLACK, "blocks"), (NoticeForm.TEAMS, "attachments")]
)
def test_an_address_gets_the_body_it_takes(web: Web, how: Delivery, form: NoticeForm, key: str) -> None:
    deliver(Notify(web.address(PATH), form, frozen_map({"X-Key": "k"})), NOTICE, how)
    (request,) = web.requests
    assert (request.method, request.path, request.headers["x-key"]) == ("POST", PATH, "k")
    assert key in request.json


def test_an_address_that_fails_is_tried_again(web: Web, how: Delivery) -> None:
    told = [Told(500), Told(429, headers=frozen_map({"Retry-After": "0"})), Told(200, b"ok")]
    web.answering = lambda _: told.pop(0)
    deliver(Notify(web.address(PATH), NoticeForm.SLACK), NOTICE, how)
    assert len(web.requests) == TRIES


@pytest.mark.parametrize(
    ("told", "tries", "says"),
    [
        (Told(500, b"sorry, a-secret-of-slack"), TRIES, "status 500"),
        (Told(400, b"invalid_blocks"), 1, "status 400: invalid_blocks"),
        (Told(404), 1, "status 404"),
        (Told(302), 1, "status 302"),
    ],
)
def test_an_address_that_stays_broken_is_told_without_its_path(
    web: Web, how: Delivery, told: Told, tries: int, says: str
) -> None:
    web.answering = lambda _: told
    with pytest.raises(NotifyFailed) as failed:
        deliver(Notify(web.address(PATH), NoticeForm.SLACK), NOTICE, how)
    assert len(web.requests) == tries
    assert f"127.0.0.1:{web.server_port} was not told ({says}" in str(failed.value)
    assert "T0" not in str(failed.value)


def test_a_command_gets_one_line_of_json(tmp_path: Path, how: Delivery) -> None:
    script = "import sys; open('told', 'w').write(sys.stdin.read())"
    deliver(Notify(command=(sys.executable, "-c", script)), NOTICE, how)
    (line,) = (tmp_path / "told").read_text().splitlines()
    assert json.loads(line)["id"] == "w1-1"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ((sys.executable, "-c", "exit('no mail today')"), "ended with exit status 1: no mail today"),
        (("sluice-no-such-command",), "can't be started"),
    ],
)
def test_a_command_that_fails(how: Delivery, command: tuple[str, ...], says: str) -> None:
    with pytest.raises(NotifyFailed, match=says):
        deliver(Notify(command=command), NOTICE, how)


def test_a_file_gets_whole_lines_from_many_at_once(tmp_path: Path, how: Delivery) -> None:
    notify = Notify(file=tmp_path / "log" / "notices.jsonl")
    long = [Notice(f"w1-{n}", "chat", "walking", says="x" * 20_000) for n in range(20)]
    threads = [Thread(target=deliver, args=(notify, notice, how)) for notice in long]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / "log" / "notices.jsonl").read_text().splitlines()
    assert {json.loads(line)["id"] for line in lines} == {notice.id for notice in long}


def test_a_line_that_a_killed_process_left_half_spoils_no_other(tmp_path: Path, how: Delivery) -> None:
    (tmp_path / "notices.jsonl").write_text('{"id": "w1-0"}\n{"id": "w1-')
    deliver(Notify(file=tmp_path / "notices.jsonl"), NOTICE, how)
    assert json.loads((tmp_path / "notices.jsonl").read_text().splitlines()[-1])["id"] == "w1-1"


def test_a_file_that_can_not_be_written(tmp_path: Path, how: Delivery) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(NotifyFailed, match="can't be written"):
        deliver(Notify(file=tmp_path / "taken"), NOTICE, how)


Telling = Callable[..., Teller]


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    """Each call is another process's: it knows what is on disk, and nothing else."""

    def tell(notifies: list[Notify], *notices: Notice) -> Teller:
        teller = Teller(tmp_path / "rollout", notifies, Delivery(tmp_path, backoff_s=0.01))
        for notice in notices:
            teller.tell(notice)
        return teller

    return tell


NOTICES = [Notice(f"w1-{n}", "chat", phase) for n, phase in enumerate(["walking", "walking", "paused", "done"])]


def test_each_event_once_whoever_is_restarted(web: Web, tmp_path: Path, telling: Telling) -> None:
    notifies = [Notify(web.address("/a")), Notify(web.address("/b"), events=("paused", "done"))]
    telling(notifies, *NOTICES[:2]).close(20)
    telling(notifies, *NOTICES[:3], *NOTICES[:3]).close(20)
    telling(notifies, *NOTICES).close(20)
    told = [(request.path, request.json["id"]) for request in web.requests]
    assert [one for path, one in told if path == "/a"] == ["w1-0", "w1-1", "w1-2", "w1-3"]
    assert [one for path, one in told if path == "/b"] == ["w1-2", "w1-3"]
    written = (tmp_path / "rollout" / DELIVERED).read_text()
    assert len(written.splitlines()) == 6
    assert "/a" not in written


def test_a_broken_receiver_keeps_nobody_else_from_knowing_and_is_tried_again_by_the_next(
    web: Web, tmp_path: Path, telling: Telling
) -> None:
    web.answering = lambda asked: Told(500 if asked.path == PATH else 200)
    notifies = [Notify(web.address(PATH), NoticeForm.SLACK), Notify(file=tmp_path / "notices.jsonl")]
    first = telling(notifies, *NOTICES)
    first.close(20)
    assert len((tmp_path / "notices.jsonl").read_text().splitlines()) == len(NOTICES)
    assert len(first.troubles()) == len(NOTICES)
    assert all("status 500" in trouble and "T0" not in trouble for trouble in first.troubles())
    web.answering = lambda _: Told()
    web.requests.clear()
    second = telling(notifies, *NOTICES)
    second.close(20)
    assert len(web.requests) == len(NOTICES)
    assert len((tmp_path / "notices.jsonl").read_text().splitlines()) == len(NOTICES)
    assert second.troubles() == ()


def test_a_receiver_that_hangs_holds_nobody_up(web: Web, tmp_path: Path, telling: Telling) -> None:
    web.answering = lambda _: Told(hangs=True)
    teller = telling([Notify(web.address()), Notify(file=tmp_path / "notices.jsonl")], *NOTICES)
    until(lambda: written(tmp_path / "notices.jsonl") == len(NOTICES))
    web.wait_for(1)
    teller.close(0.0)
    until(teller.troubles)
    assert "was stopped" in teller.troubles()[0]


def test_a_command_that_hangs_is_ended_when_nobody_waits_any_more(tmp_path: Path, telling: Telling) -> None:
    script = "import time; open('began', 'w'); time.sleep(600)"
    teller = telling([Notify(command=(sys.executable, "-c", script))], NOTICE)
    until((tmp_path / "began").exists)
    teller.close(0.0)
    until(teller.troubles)
    assert "was stopped" in teller.troubles()[0]


def test_a_torn_line_is_told_again(web: Web, tmp_path: Path, telling: Telling) -> None:
    notifies = [Notify(web.address())]
    telling(notifies, *NOTICES[:2]).close(20)
    path = tmp_path / "rollout" / DELIVERED
    path.write_bytes(path.read_bytes()[:-10])
    telling(notifies, *NOTICES[:2]).close(20)
    assert [request.json["id"] for request in web.requests] == ["w1-0", "w1-1", "w1-1"]


def test_nobody_to_tell(tmp_path: Path, telling: Telling) -> None:
    telling([], *NOTICES).close(20)
    assert not (tmp_path / "rollout").exists()


def written(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0

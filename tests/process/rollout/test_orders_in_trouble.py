"""Going back when what should do it hangs, or can't."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from projects import wait_until
from rollout_stage import BLUE, CANARY, NAME, Stage, killed, parent, said, stage_in

from sluice.rollout import control
from sluice.rollout.models import Phase

pytestmark = pytest.mark.process

CANARY_WEIGHTS = {"blue": 90, "green": 10}


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("trouble") / "p") as stage:
        yield stage


@pytest.fixture
def stage(lent: Stage) -> Stage:
    """A stage whose walk is in its first step, and stays there."""
    lent.back()
    lent.plan(CANARY.replace("hold: 1s", "hold: 600s", 1))
    assert lent.up("--detach").returncode == 3
    lent.until(lambda state: state.phase is Phase.WALKING and lent.live() == CANARY_WEIGHTS)
    return lent


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Have a port, as soon as who was killed has let go of it."""
    with ExitStack() as stack:

        def has_it() -> bool:
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                return False
            return True

        wait_until(has_it)
        yield


def test_a_rollback_when_the_gatekeeper_hangs(stage: Stage) -> None:
    os.kill(stage.gatekeeper(), signal.SIGSTOP)
    taken_back = stage.project.call("rollback", "--yes")
    assert (taken_back.returncode, stage.live()) == (0, BLUE), said(taken_back)
    assert stage.ended().phase is Phase.ABORTED


def test_a_rollback_that_no_gateway_takes_does_not_say_that_it_went_back(stage: Stage) -> None:
    gatekeeper, gateway = stage.gatekeeper(), stage.pid(f"{NAME}.envoy")
    supervised = [parent(gatekeeper), gatekeeper, parent(gateway), gateway]
    stage.kill_all("supervisor.supervisord")
    for pid in supervised:
        killed(pid)
    with taken(stage.endpoint.port):
        refused = stage.project.call("rollback", "--yes")
        assert (refused.returncode, stage.live()) == (1, CANARY_WEIGHTS), said(refused)
        assert control.is_open(stage.folder)

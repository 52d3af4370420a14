"""The switch under load in its short form: seeded, on light replicas; `make soak` is the long one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from projects import REPOSITORY

pytestmark = pytest.mark.process

SWITCHES = REPOSITORY / "bench" / "switches.py"


@pytest.mark.parametrize("seed", [7, 11])
def test_no_request_fails_or_strays_while_traffic_is_switched(seed: int) -> None:
    settings = ("--switches", "15", "--requests", "6000", "--seed", str(seed))

    done = subprocess.run(
        [sys.executable, str(SWITCHES), *settings, "--json"], capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout, done.stderr
    seen = json.loads(done.stdout)
    assert (done.returncode, seen["failures"], seen["strays"]) == (0, {}, 0)
    assert seen["switches"] == 15
    assert seen["requests"] >= 6000
    assert set(seen["answered"]) == {"blue", "green"}
    assert sum(seen["answered"].values()) == seen["requests"]

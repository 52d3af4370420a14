"""Metrics that a command prints."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

from sluice.rollout.meters.asked import Names
from sluice.rollout.meters.numbers import NoReading, number_in
from sluice.rollout.works.command import Command, run
from sluice.spec.rollout import Ask

MOST_BYTES = 4 * 1024 * 1024


def ask_command(asked: Ask, names: Names, stop: Event, folder: Path) -> float:
    """Return the number that a command prints, plain or in JSON behind `asked.path`. Raises NoReading.

    It runs in `folder`, with `SLUICE_ENDPOINT` and `SLUICE_DEPLOYMENT` in its environment, and is ended with all that
    it started when its time is over.
    """
    argv = tuple(names.put_in(part) for part in asked.command)
    environ = {**os.environ, "SLUICE_ENDPOINT": names.endpoint, "SLUICE_DEPLOYMENT": names.deployment}
    ran = run(Command(argv, folder, environ, asked.timeout_s, most_bytes=MOST_BYTES), stop)
    what = f"command {Path(argv[0]).name}" if argv else "the command"
    if ran.trouble or ran.status:
        # Not what it wrote to its standard error: nobody knows what it shows there.
        ended = ran.trouble or f"ended with status {ran.status}"
        raise NoReading(f"{what} {ended}; run it by hand to see why")
    try:
        return number_in(ran.output.decode(errors="replace"), asked.path)
    except NoReading as error:
        raise NoReading(f"{what}: {error}") from None

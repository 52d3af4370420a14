"""Records an endpoint's requests: a program under the supervisor, `python -m ... FOLDER SOCKET RECORD`.

It asks the gateway at its admin socket for requests, takes out what is not to be kept, and only then writes. What it
has not written when it is killed is lost; the gateway goes on serving without it.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sluice.spec.rollout import Record
from sluice.targets.local.envoy.tap import Exchange, exchanges, tap_request
from sluice.targets.local.recordings import Recordings, kept_of
from sluice.targets.local.unix_http import UnixConnection

AGAIN_S: Final = 0.5
MOST_A_SECOND: Final = 100
"""How many requests are recorded a second, whatever the share."""
_OK: Final = 200
_PIECE: Final = 262_144


class NotShown(Exception):
    """The gateway shows no requests: it is down, older than recording, or shows them to another recorder."""


def shown(socket: Path, record: Record) -> Generator[Exchange, None, None]:
    """Yield requests as they are answered. Raises NotShown when the gateway doesn't, or no longer."""
    with closing(UnixConnection(socket, None)) as connection:
        try:
            connection.request("POST", "/tap", tap_request(record))
            answer = connection.getresponse()
            if answer.status != _OK:
                raise NotShown(answer.read(500).decode(errors="replace").strip())
            yield from exchanges(iter(lambda: answer.read1(_PIECE), b""))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotShown(str(error)) from None
    raise NotShown("it ended")


@dataclass
class Pace:
    """Counts what came in this second. `now` is any clock's seconds."""

    most: int
    began: float = 0.0
    count: int = 0

    def rest_s(self, now: float) -> float:
        """Count one more; return how long to rest: 0, unless this second has no room for another."""
        if now - self.began >= 1:
            self.began, self.count = now, 0
        self.count += 1
        return max(0.0, self.began + 1 - now) if self.count >= self.most else 0.0


def keep(recordings: Recordings, record: Record, socket: Path) -> float:
    """Keep what the gateway shows, until a rest is due; return for how many seconds. Raises NotShown, StorageFailed.

    Without rests the gateway would have to hold, without a bound, what we are too slow to read.
    """
    number, pace = recordings.next_number(), Pace(MOST_A_SECOND)
    with closing(shown(socket, record)) as exchanges_shown:
        for exchange in exchanges_shown:
            kept = kept_of(exchange, record, number, time.time())
            if kept is not None:
                recordings.put(kept, record.most_requests)
                number += 1
            if (rest_s := pace.rest_s(time.monotonic())) > 0:
                return rest_s
    return 0.0


def record_of(fields: dict[str, Any]) -> Record:
    """Return what a recorder was told to keep."""
    return Record(**{**fields, "redact": tuple(fields["redact"])})


def main(folder: Path, socket: Path, record: Record) -> None:
    """Record for as long as the process lives; say once why it can't."""
    os.umask(0o077)
    recordings, said = Recordings(folder), ""
    recordings.trim(record.most_requests)
    while True:
        try:
            time.sleep(keep(recordings, record, socket))
        except NotShown as reason:
            if str(reason) != said:
                said = str(reason)
                print(f"sluice: the gateway shows no requests ({said}); asking again", flush=True)  # noqa: T201 - its log
            time.sleep(AGAIN_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), record_of(json.loads(sys.argv[3])))

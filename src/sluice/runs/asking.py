"""An endpoint, or any server, asked for every line over HTTP: so that the same data measures all of them alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sluice.runs.lines import Line
from sluice.runs.results import Aggregated, LineResult
from sluice.spec.frozen import frozen_map

if TYPE_CHECKING:
    import httpx

DEPLOYMENT: Final = "azureml-model-deployment"
TOKENS: Final = "x-sluice-tokens"
_LOOK_S: Final = 0.1
_MOST_BYTES: Final = 32 * 1024 * 1024
_LONGEST_ERROR: Final = 500
# Too many requests: the server says so before it has done anything, so the same one may be asked again.
_TOO_MANY: Final = 429
_FIRST_PAUSE_S: Final = 0.1


@dataclass(frozen=True)
class Server:
    """Who is asked: its scoring address, and the headers of every request; the values may be secret."""

    url: str
    headers: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    workers: int = 4
    line_timeout_s: float = 600.0


class EndpointAsker:
    """Asks a server, so many lines at a time; `sluice.runs.results.Executor`."""

    def __init__(self, server: Server) -> None:
        import httpx

        self._server = server
        limits = httpx.Limits(max_connections=server.workers, max_keepalive_connections=server.workers)
        timeout = httpx.Timeout(server.line_timeout_s)
        # A proxy of the environment is for the internet, and a certificate is checked unless the user set it otherwise.
        self._client = httpx.Client(
            headers=dict(server.headers), limits=limits, timeout=timeout, trust_env=not _near(server.url)
        )
        self._pool = ThreadPoolExecutor(server.workers, thread_name_prefix="asking")

    def results(self, lines: Iterator[Line], stop: Callable[[], bool]) -> Iterator[LineResult]:
        """Yield how each line ended."""
        under_way: set[Future[LineResult]] = set()
        exhausted = False
        while not stop() and not (exhausted and not under_way):
            while len(under_way) < self._server.workers and not exhausted:
                line = next(lines, None)
                exhausted = line is None
                if line is not None:
                    under_way.add(self._pool.submit(self._asked, line, stop))
            done, under_way = wait(under_way, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)

    @property
    def aggregates(self) -> bool:
        """A server aggregates nothing."""
        return False

    def aggregate(self, results: Path, stop: Callable[[], bool]) -> Aggregated:
        """Return nothing."""
        del results, stop
        return Aggregated()

    def close(self) -> None:
        """Close the connections; requests under way are broken off."""
        self._client.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _asked(self, line: Line, stop: Callable[[], bool]) -> LineResult:
        import httpx

        started = time.monotonic()
        deadline = started + self._server.line_timeout_s
        try:
            answer, text = self._answer(line, deadline, stop)
        except httpx.TimeoutException:
            return LineResult(
                line, error=f"took longer than {self._server.line_timeout_s:g} s", seconds=_since(started)
            )
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: closed under it
            return LineResult(line, error=f"no answer ({type(error).__name__})", seconds=_since(started))
        return _result(line, answer, text, _since(started))

    def _answer(self, line: Line, deadline: float, stop: Callable[[], bool]) -> tuple[httpx.Response, bytes]:
        """Return the answer and its whole body; a server that has too many requests is asked again in a while."""
        pause = _FIRST_PAUSE_S
        while True:
            with self._client.stream("POST", self._server.url, json=dict(line.inputs)) as answer:
                body = _whole(answer, deadline)
            if answer.status_code != _TOO_MANY or time.monotonic() + pause > deadline or stop():
                return answer, body
            time.sleep(pause)
            pause *= 2


def _whole(answer: httpx.Response, deadline: float) -> bytes:
    import httpx

    found = bytearray()
    for chunk in answer.iter_bytes():
        found += chunk
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("too slow")
        if len(found) > _MOST_BYTES:
            raise httpx.DecodingError("too long an answer")
    return bytes(found)


def _result(line: Line, answer: httpx.Response, body: bytes, seconds: float) -> LineResult:
    text = body.decode(errors="replace")
    told = answer.headers.get(TOKENS, "")
    tokens = int(told) if told.isascii() and told.isdecimal() else 0
    if not answer.is_success:
        return LineResult(line, error=f"status {answer.status_code}: {text.strip()[:_LONGEST_ERROR]}", seconds=seconds)
    return LineResult(line, output=output_of(text), seconds=seconds, tokens=tokens)


def output_of(text: str) -> Mapping[str, Any]:
    """Return an answer as a line's output: an object as it is, all else as `output`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    return frozen_map(found if isinstance(found, dict) else {"output": found})


def _near(url: str) -> bool:
    """Tell whether the server is on this machine."""
    import httpx

    return httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)

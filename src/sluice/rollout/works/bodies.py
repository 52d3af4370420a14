"""The requests that load and parity send: lines of a file, or recorded ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sluice.errors import Mark, NotFound, SpecFileError
from sluice.rollout.works.web import Asked
from sluice.rollout.world import Case, Scene
from sluice.spec.frozen import frozen_map

MOST = 10_000
DEPLOYMENT = "azureml-model-deployment"
"""The header by which a request names its deployment, and an answer tells who gave it."""


def cases_for(scene: Scene, data: Path | None, recorded: int) -> tuple[Case, ...]:
    """Return the cases of a file, else the `recorded` newest that were recorded; 10,000 at most, one at least.

    Raises:
        SpecFileError: the file can't be read, a line of it is not JSON, or it holds none.
        NotFound: nothing was recorded.
    """
    if data is not None:
        return _of_file(data)
    found = tuple(islice(scene.recorded, min(recorded, MOST)))
    if not found:
        raise NotFound(
            f"no request to endpoint {scene.endpoint} was recorded", remedy="Give `data`, or record some first."
        )
    return found


def asked(case: Case, scene: Scene, deployment: str = "") -> Asked:
    """Return the request of a case, to one deployment whatever the weights; without one, by the weights."""
    headers = {**scene.headers, **({DEPLOYMENT: deployment} if deployment else {})}
    return Asked(scene.url, headers=frozen_map(headers), body=case.body, content_type=case.content_type)


def _of_file(data: Path) -> tuple[Case, ...]:
    try:
        with data.open("rb") as lines:
            found = tuple(islice(_lines(data, lines), MOST))
    except OSError as error:
        raise SpecFileError(f"{data}: can't be read ({error.strerror})", remedy="Give a file that exists.") from None
    if not found:
        raise SpecFileError(f"{data}: holds no request", remedy="Write one request, as JSON, on each line.")
    return found


def _lines(data: Path, lines: Iterator[bytes]) -> Iterator[Case]:
    for number, line in enumerate(lines, 1):
        body = line.strip()
        if body:
            _check(body, Mark(str(data), number))
            yield Case(f"{data.name}:{number}", body)


def _check(body: bytes, at: Mark) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        message = "a line of requests is not JSON"
        raise SpecFileError(message, remedy="Write one request, as JSON, on each line.", at=at) from None

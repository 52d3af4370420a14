"""What a build is doing, from the lines that the provider hands on: few enough to be read."""

from __future__ import annotations

import re

_STEP = re.compile(r"#\d+ (?P<step>\[(?!internal)[^\]]+\] .+)")
_END = {"exporting to image": "exporting the layers", "pushing layers": "pushing the layers"}
_LONGEST = 80


def shown(line: str) -> str | None:
    """Return what to show for a line of BuildKit's plain progress; None for one that says nothing new.

    Steps of the Dockerfile are shown as they begin (`[2/5] RUN ...`), and the two long last ones.
    """
    step = _STEP.fullmatch(line.strip())
    if step:
        text = " ".join(step["step"].split())
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return _END.get(re.sub(r"^#\d+ ", "", line.strip()))

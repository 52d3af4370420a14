"""Keeps one program alive: the supervisor runs `python -S -E launcher.py FOLDER/program.json PIDFILE`.

PIDFILE holds the supervisor's pid. One launcher runs for every program, so it must be small and quick to start:
it loads the package beside it and the standard library, nothing else. The folder holds program.json (what to
run), lock (held while a launcher lives; names it), state.json (the child) and events.jsonl (what happened).
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from keeper.loop import main  # type: ignore[import-not-found]  # the script's own folder leads sys.path

    sys.exit(main(*sys.argv[1:]))

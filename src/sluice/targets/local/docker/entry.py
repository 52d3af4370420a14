"""Starts a server of ours in its container: reads the secrets, then becomes the server.

The image's own Python runs this file; it has no Sluice. Written for Python 3.9 and later.

    python3 entry.py SECRETS.json FOLDER ARGUMENT...

SECRETS.json holds environment variables that no `docker inspect` shows; FOLDER is where to work.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(secrets: str, folder: str, arguments: list[str]) -> None:
    """Become python with these arguments."""
    os.environ.update(json.loads(Path(secrets).read_text(encoding="utf-8")))
    for needed in (os.environ["HOME"], folder):
        Path(needed).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

"""The gatekeeper's process: `python -m sluice.rollout.gatekeeper PROJECT STACK ENDPOINT`.

It ends with status 0 when the walk has ended; killed, it goes on from the log when it is started again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sluice.errors import SluiceError
from sluice.rollout.driver import drive
from sluice.rollout.local import folder_of, parts_of
from sluice.targets.local.target import LocalTarget

# Another may be carrying out an order in this one's place; that takes seconds.
_PATIENCE_S = 600.0


def main(arguments: list[str]) -> int:
    """Drive the open walk of an endpoint until it has ended. Return the exit status."""
    project, stack, endpoint = arguments
    target = LocalTarget.of(Path(project), stack)
    try:
        with folder_of(target, endpoint).driving(_PATIENCE_S):
            walk = folder_of(target, endpoint).read()
            if walk is not None:
                drive(parts_of(target, walk), walk)
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

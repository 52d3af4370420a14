"""`python -m sluice.engine`: make sure the engine is there, as `make setup` does."""

from __future__ import annotations

import sys

from sluice.engine.install import ensure_engine
from sluice.errors import SluiceError


def main() -> int:
    """Install the engine if need be, telling how far it is; the exit status."""
    try:
        engine = ensure_engine(lambda line: print(line, flush=True))  # noqa: T201 - this is the output
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing half is left, and Go keeps what it has compiled\n")
        return 130
    print(f"Pulumi engine {engine.version} ({engine.source}): {engine.command}")  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())

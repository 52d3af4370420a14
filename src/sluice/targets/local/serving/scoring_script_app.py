"""Serves a scoring script with Azure ML's inference server (azmlinfsrv), on one address only.

The Python of the deployment's environment runs this file, with azmlinfsrv's own arguments; it has no Sluice.
SLUICE_HOST is the address, by default 127.0.0.1.
"""

from __future__ import annotations

import os
import sys

# A request in flight ends within the longest request timeout, or is broken off.
GRACE_SECONDS = 300


def gunicorn_arguments(known: frozenset[str], given: str) -> str:
    """Return the arguments that gunicorn reads from GUNICORN_CMD_ARGS: ours, then what the user `given`.

    `known` names the settings this gunicorn has: only newer ones open a control socket, one path for all of a user.
    """
    ours = [f"--graceful-timeout={GRACE_SECONDS}"]
    if "control_socket_disable" in known:
        ours.append("--no-control-socket")
    return " ".join([*ours, given]).strip()


def main() -> None:
    """Run azmlinfsrv until it is told to stop."""
    del sys.path[0]  # this script's folder, whose modules would hide the user's
    from azureml_inference_server_http import amlserver  # type: ignore[import-not-found]  # it is the environment's
    from gunicorn.config import make_settings  # type: ignore[import-untyped]  # it is the environment's

    given = os.environ.get("GUNICORN_CMD_ARGS", "")
    os.environ["GUNICORN_CMD_ARGS"] = gunicorn_arguments(frozenset(make_settings()), given)
    amlserver.DEFAULT_HOST = os.environ.get(
        "SLUICE_HOST", "127.0.0.1"
    )  # it has no argument for the address: every interface otherwise
    amlserver.run()


if __name__ == "__main__":
    main()

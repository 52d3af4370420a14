"""Calls to the process supervisor over its unix socket."""

from __future__ import annotations

import http.client
import xmlrpc.client
from pathlib import Path
from xml.parsers.expat import ExpatError

from sluice.targets.local.unix_http import UnixConnection

# supervisor.xmlrpc.Faults
SHUTTING_DOWN = 6
BAD_NAME = 10
ALREADY_STARTED = 60
NOT_RUNNING = 70
ALREADY_ADDED = 90
STILL_RUNNING = 91


class Silent(Exception):
    """Nobody answers at the socket."""


class Refused(Exception):
    """The supervisor answered with a fault: `code` is one of those above, or another of supervisor.xmlrpc."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def call(path: Path, method: str, *names: str, wait: bool | None = None, timeout_s: float = 5) -> object:
    """Call a method of supervisor's RPC interface; return what it returns.

    `wait` is the last argument of the methods that have it: whether to answer when all is done, or at once.
    Raises Silent when there is no answer in time, Refused when the answer is a fault.
    """
    connection = UnixConnection(path, timeout_s)
    try:
        arguments: tuple[str | bool, ...] = names if wait is None else (*names, wait)
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}")
        connection.request("POST", "/RPC2", body.encode(), {"Content-Type": "text/xml"})
        (value,), _ = xmlrpc.client.loads(connection.getresponse().read().decode())
    except xmlrpc.client.Fault as fault:
        raise Refused(fault.faultCode, fault.faultString) from fault
    except (OSError, http.client.HTTPException, ExpatError) as error:
        raise Silent(str(error)) from error
    finally:
        connection.close()
    return value

"""The liveness check: a program that runs but no longer answers is restarted."""

from __future__ import annotations

import errno
import select
import socket
import time

from .waiting import Bell, Watched


class Check:
    """The liveness check: a GET, and how many bad answers in a row mean that the program hangs."""

    def __init__(self, raw: dict[str, object]) -> None:
        unix_socket = raw["unix_socket"]
        self.address = str(unix_socket) if unix_socket else (str(raw["host"]), int(str(raw["port"])))
        self.request = f"GET {raw['path']} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        self.initial_delay_s = float(str(raw["initial_delay_s"]))
        self.period_s = float(str(raw["period_s"]))
        self.timeout_s = float(str(raw["timeout_s"]))
        self.failure_threshold = int(str(raw["failure_threshold"]))
        self.success_threshold = int(str(raw["success_threshold"]))

    def passes(self, bell: Bell, child: Watched) -> bool:
        """Ask once: True for a status from 200 to 399 in time."""
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        until = time.monotonic() + self.timeout_s
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(0)  # never block: the wait below listens for other things too
            try:
                return self._ask(sock, until, bell, child)
            except OSError:
                return False

    def _ask(self, sock: socket.socket, until: float, bell: Bell, child: Watched) -> bool:
        if sock.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            return False
        if not bell.wait(until, child, sock, select.POLLOUT):
            return False
        sock.sendall(self.request)
        answer = b""
        while len(answer) < 12:  # HTTP/1.1 200
            if not bell.wait(until, child, sock, select.POLLIN) or not (part := sock.recv(256)):
                return False
            answer += part
        return answer.startswith(b"HTTP/1.") and b"200" <= answer[9:12] < b"400"


class Tally:
    """Counts answers to a liveness check."""

    def __init__(self, failure_threshold: int, success_threshold: int) -> None:
        self._bad_enough = failure_threshold
        self._good_enough = success_threshold
        self._bad = self._good = 0

    def add(self, *, passed: bool) -> bool:
        """Count one answer; True when the program is to be restarted."""
        self._good = self._good + 1 if passed else 0
        if not passed:
            self._bad += 1
        elif self._good >= self._good_enough:
            self._bad = 0
        return self._bad >= self._bad_enough

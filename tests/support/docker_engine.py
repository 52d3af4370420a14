"""A Docker of the tests' own: Debian's dockerd, with a bridge and data of its own, gone when the tests end.

The module is not named `docker`: the folder is on the path, and the SDK has that name.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_S = 60.0
STOP_S = 60.0
STARTS = 3
PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
USED = "/usr/local/lib/python3.11/dist-packages"
BASE_PACKAGES = ("python3", "ca-certificates", "bash", "libstdc++6")
BASE = "sluice-test/base:1"
_LEFT_OUT = ("/usr/share/man", "/usr/share/doc", "/usr/share/locale", "/usr/share/info", "/proc", "/sys/", "/dev/")
_TAKEN = ("/bin", "/lib", "/lib64", "/sbin", "/etc/passwd", "/etc/group", "/etc/ssl/certs/ca-certificates.crt", "/tmp",
          "/var/tmp", "/root", "/usr/bin/python3")  # fmt: skip


class NoDocker(Exception):
    """There is no Docker to test with; the text says why."""


@dataclass
class Dockerd:
    """A Docker daemon of the tests' own. Its containers reach this machine at `gateway`."""

    folder: Path
    bridge: str
    gateway: str
    process: subprocess.Popen[bytes] = field(init=False, repr=False)
    client: Any = field(default=None, init=False, repr=False)

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def api(self) -> Any:
        """Return a connection to it, closed when it is stopped."""
        from docker import APIClient

        if self.client is None:
            self.client = APIClient(base_url=self.address)
        return self.client

    def start(self) -> None:
        """Start it and wait until it answers; on a busy machine it gives up waiting for its containerd."""
        for _ in range(STARTS - 1):
            with suppress(NoDocker):
                return self._start()
        return self._start()

    def _start(self) -> None:
        folder = self.folder
        with (folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "dockerd", "--host", self.address, "--data-root", str(folder / "data"),
                    "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "dockerd.pid"),
                    "--bridge", self.bridge, "--iptables=false", "--ip-masq=false",
                ],
                env={**os.environ, "PATH": PLACES},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._answers, START_S, lambda: (folder / "dockerd.log").read_text()[-2000:])

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise NoDocker(f"dockerd ended: {(self.folder / 'dockerd.log').read_text()[-1000:]}")
        with socket.socket(socket.AF_UNIX) as line:  # the SDK leaves connections open where nobody answers
            line.settimeout(5)
            try:
                line.connect(self.address.removeprefix("unix://"))
                line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in line.recv(100)
            except OSError:
                return False

    def stop(self) -> None:
        """Stop it, and with it what it started."""
        self._disconnect()
        self.process.terminate()
        self.process.wait(STOP_S)

    def kill(self) -> None:
        """Kill it, as a machine out of memory would; its containerd goes on, and is the next one's."""
        self._disconnect()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_S)
        (self.folder / "dockerd.pid").unlink(missing_ok=True)

    def _disconnect(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None


def wait_until(true: Callable[[], bool], seconds: float, why: Callable[[], str]) -> None:
    """Wait on a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def installed() -> None:
    """See that dockerd is on this machine; install Debian's. Raises NoDocker."""
    if os.geteuid() != 0:
        raise NoDocker("only root can start a dockerd")
    if shutil.which("dockerd", path=PLACES):
        return
    if not shutil.which("apt-get"):
        raise NoDocker("dockerd is not installed, and there is no apt-get to install docker.io with")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "docker.io"]):
        done = subprocess.run(
            ["apt-get", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NoDocker(f"apt-get {command[0]} failed: {done.stderr[-500:]}")


@contextmanager
def dockerd(folder: Path) -> Iterator[Dockerd]:
    """Lend a Docker daemon with all of its data in `folder`; nothing of it stays. Raises NoDocker."""
    installed()
    daemon = Dockerd(folder, f"slt{os.getpid() % 10**8}", f"172.31.{os.getpid() % 200}.1")
    _ip("link", "add", daemon.bridge, "type", "bridge")
    try:
        _ip("address", "add", f"{daemon.gateway}/24", "dev", daemon.bridge)
        _ip("link", "set", daemon.bridge, "up")
        daemon.start()
        yield daemon
    finally:
        with suppress(AttributeError):  # it was never started
            daemon.stop()
        _end_containerd(folder)
        _unmount(folder)
        _ip("link", "delete", daemon.bridge)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], env={"PATH": PLACES}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDocker(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _end_containerd(folder: Path) -> None:
    """End the containerd that a killed dockerd left behind, by its pid; one that is gone is no error."""
    record = folder / "exec/containerd/containerd.pid"
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int(record.read_text()), signal.SIGTERM)


def _unmount(folder: Path) -> None:
    """Unmount what a daemon leaves mounted below its folder, or nobody could remove it."""
    places = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in places if Path(one).is_relative_to(folder)), reverse=True):
        subprocess.run(["umount", place], env={"PATH": PLACES}, capture_output=True, check=False)


def closure(packages: Sequence[str]) -> list[str]:
    """Return Debian packages with all that they need and with the essential ones, as they are installed here."""
    listed = _said("dpkg-query", "-W", "-f", "${Package} ${Essential}\n").splitlines()
    essential = [line.split()[0] for line in listed if line.endswith(" yes")]
    flags = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    found = _said("apt-cache", "depends", "--recurse", "--installed", *(f"--no-{flag}" for flag in flags),
                  *essential, *packages)  # fmt: skip
    return sorted({line for line in found.splitlines() if line[:1].isalnum() and ":" not in line})


def files_of(packages: Iterable[str]) -> list[Path]:
    """Return the files of installed packages, under /usr where /bin and /lib are links to it."""
    listed = _said("dpkg", "-L", *packages).splitlines()
    paths = {f"/usr{path}" if path.split("/")[1:2] in (["bin"], ["sbin"], ["lib"], ["lib64"]) else path
             for path in listed if path.startswith("/") and path != "/."}  # fmt: skip
    kept = (path for path in {*paths, *_TAKEN} if not path.startswith(_LEFT_OUT))
    return sorted(path for path in map(Path, kept) if path.exists() or path.is_symlink())


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def import_image(
    api: Any, name: str, archive: Path, trees: Mapping[str, Path] | None = None, changes: Sequence[str] = ()
) -> None:
    """Make an image without a hub: the machine's own Debian packages, and `trees` (folders or files) on top."""
    with tarfile.open(archive, "w") as tar:
        for path in files_of(closure(BASE_PACKAGES)):
            tar.add(path, str(path).lstrip("/"), recursive=False)
        for target, source in (trees or {}).items():
            tar.add(source, target.lstrip("/"), filter=_readable)
    repository, _, tag = name.partition(":")
    api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=list(changes) or None)
    archive.unlink()
    assert api.inspect_image(name)


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mode |= 0o555 if entry.isdir() or entry.mode & 0o100 else 0o444
    return entry

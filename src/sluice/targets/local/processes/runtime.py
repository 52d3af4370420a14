"""Where everything lies: one root folder, private to its user, and a folder for sockets that is short enough."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sluice.errors import SupervisorFailed
from sluice.targets.local.files import locked, read_text, storage_errors, write_private

LONGEST_SOCKET_PATH = 103  # bytes: sun_path holds 108 on Linux and 104 on macOS, the closing zero among them
LONGEST_SOCKET_NAME = 48


@dataclass(frozen=True)
class ProgramFiles:
    """The files of one program; the folder belongs to its launcher, `conf` to the supervisor."""

    folder: Path
    conf: Path

    @property
    def program(self) -> Path:
        """What the launcher is told, all but the secrets."""
        return self.folder / "program.json"

    @property
    def secrets(self) -> Path:
        """The secret part of the environment."""
        return self.folder / "secrets.json"

    @property
    def state(self) -> Path:
        """The child, as the launcher records it."""
        return self.folder / "state.json"

    @property
    def events(self) -> Path:
        """What happened to the child, a JSON document a line."""
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        """What the child writes to its standard output and error."""
        return self.folder / "output.log"

    @property
    def lock(self) -> Path:
        """Held by the launcher, and names it."""
        return self.folder / "lock"


@dataclass(frozen=True)
class Runtime:
    """The folder of one supervisor: an absolute path, mode 700."""

    root: Path
    socket_name: ClassVar[str] = "supervisor.sock"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the supervisor, or adds a program."""
        return self.root / "supervisor.lock"

    @property
    def config(self) -> Path:
        """The supervisor's configuration."""
        return self.root / "supervisord.conf"

    @property
    def identity(self) -> Path:
        """Which process the supervisor is."""
        return self.root / "supervisord.json"

    @property
    def pidfile(self) -> Path:
        """The supervisor's own pid file."""
        return self.root / "supervisord.pid"

    @property
    def log(self) -> Path:
        """The supervisor's log."""
        return self.root / "supervisord.log"

    @property
    def start_log(self) -> Path:
        """What the supervisor said before it went into the background."""
        return self.root / "supervisord.start.log"

    @property
    def conf_folder(self) -> Path:
        """A part of the configuration for each program."""
        return self.root / "conf.d"

    @property
    def programs_folder(self) -> Path:
        """A folder for each program."""
        return self.root / "programs"

    @property
    def locks_folder(self) -> Path:
        """A lock for each program, held by whoever adds or removes it."""
        return self.root / "locks"

    @property
    def socket_record(self) -> Path:
        """Says where the folder for sockets is."""
        return self.root / "sockets"

    @property
    def root_record(self) -> Path:
        """Says which root these files are of."""
        return self.root / "root"

    def program(self, name: str) -> ProgramFiles:
        """Return where the files of a program are, whether or not it exists."""
        return ProgramFiles(self.programs_folder / name, self.conf_folder / f"{name}.ini")

    def program_lock(self, name: str) -> Path:
        """Return the lock to hold when adding or removing a program."""
        return self.locks_folder / f"{name}.lock"

    def folders(self) -> tuple[Path, ...]:
        """Return the folders below the root, that for sockets aside."""
        return self.conf_folder, self.programs_folder, self.locks_folder

    def names(self) -> tuple[str, ...]:
        """Return the programs that have a folder, sorted."""
        try:
            return tuple(sorted(entry.name for entry in self.programs_folder.iterdir()))
        except FileNotFoundError:
            return ()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the supervisor's own lock, with all folders in place, mode 700.

        Raises StorageFailed, and SupervisorFailed when the socket folder is not ours alone.
        """
        with locked(self.lock):
            for folder in (self.root, *self.folders()):
                with storage_errors(folder):
                    folder.mkdir(mode=0o700, exist_ok=True)
                    folder.chmod(0o700)
            if not self.is_own():
                self._forget_processes()
            if not self.root_record.exists():
                write_private(self.root_record, str(self.root))
            self.sockets()
            yield

    def sockets(self) -> Path:
        """Return the folder for our sockets, made when missing, mode 700: names up to 48 bytes fit.

        It is chosen once and recorded, so that a shell with another TMPDIR finds the same one.
        Raises SupervisorFailed when somebody else owns it, or no path is short enough.
        """
        temporary = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - the folder made there is ours alone
        recorded = self.recorded_sockets()
        folder = recorded or socket_folder(self.root, temporary, os.getuid())
        if folder.parent != self.root:
            _make_private(folder.parent)
        _make_private(folder)
        write_private(self.socket_record, str(folder))
        return folder

    def recorded_sockets(self) -> Path | None:
        """Return the folder for our sockets, if one was chosen for this root and what it lies in is still there."""
        try:
            folder = Path(self.socket_record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        # the record of a root that was moved or copied names the sockets of another
        ours = folder == self.root / "sock" or folder.name == _mark(self.root)
        return folder if ours and folder.parent.parent.is_dir() else None

    def is_own(self) -> bool:
        """Tell whether what is recorded here is about this root, not about one that it was copied or moved from."""
        return not self.root_record.exists() or (read_text(self.root_record) or "") == str(self.root)

    def _forget_processes(self) -> None:
        """Drop what a copied root records of processes: they are another's."""
        records = (files for name in self.names() for files in [self.program(name)])
        for files in records:
            files.state.unlink(missing_ok=True)
            files.lock.unlink(missing_ok=True)
        for file in (self.identity, self.pidfile, self.socket_record, self.root_record):
            file.unlink(missing_ok=True)

    def supervisor_socket(self) -> Path | None:
        """Return the supervisor's socket, which may or may not be there; None when no folder was chosen."""
        folder = self.recorded_sockets()
        return None if folder is None else folder / self.socket_name


def socket_folder(root: Path, temporary: tuple[Path, ...], uid: int) -> Path:
    """Return a folder in which a socket's path is short enough: in `root`, else in the first that will do.

    Raises SupervisorFailed when none will.
    """
    for folder in (root / "sock", *(base / f"sluice-{uid}" / _mark(root) for base in temporary)):
        if len(os.fsencode(folder)) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return folder
    raise SupervisorFailed(
        f"no folder has a path short enough for a socket: neither {root} nor {temporary[0]}",
        remedy="Set TMPDIR to a folder with a short path.",
    )


def _mark(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:12]


def _make_private(folder: Path) -> None:
    if not folder.is_symlink():
        with storage_errors(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SupervisorFailed(
            f"{folder} is not a folder of this user's",
            remedy="Remove it, or set TMPDIR to a folder that is yours.",
        )
    folder.chmod(0o700)

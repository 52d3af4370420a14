# ruff: noqa: PTH100, PTH110, PTH116, PTH118, PTH120, PTH123
# pathlib costs more to import than all else that a launcher loads
"""Run a program, restart it when it ends or hangs, stop it when told to.

The child outlives its launcher: the next one adopts it. Two launchers never run one program: the second
follows the first, passes its signals on, and takes over when it dies.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import time
import traceback

from .files import Program, Records, open_log
from .liveness import Tally
from .pids import birth, end_session
from .waiting import Bell, Watched

SOON_S = 5.0  # a program that dies sooner after its start than this is restarted more and more slowly
LONGEST_DELAY_S = 10.0
COUNTS_AS_STARTED_S = 1.5  # the supervisor takes an earlier exit, even of 0, for a failed start
LOG_BYTES = 10_000_000
LOOK_AT_FOLDER_S = 5.0


def main(path: str, supervisor: str) -> int:
    """Keep the program of `path` (a program.json) until a stop is asked; return the exit status.

    `supervisor` is the file that holds the pid of the supervisor.
    """
    os.umask(0o077)
    bell = Bell()
    folder = os.path.dirname(os.path.abspath(path))
    if not hold_or_follow(folder, supervisor, bell) or not os.path.exists(path):  # gone since it was ours to look
        return 0
    program = Program(path)
    # The supervisor's pipes stay open, unused, while we live: should it still poll their numbers for a closed
    # connection of its own, it would spin on a broken pipe for ever.
    os.dup(1)
    point_at_log(program)
    pidfile = os.path.abspath(supervisor)
    try:
        keep(program, Records(folder), bell)
        leave_no_supervisor(pidfile)
    except Exception:  # the reason belongs into the program's log, whatever it is
        traceback.print_exc()
        return 1
    return 0


def leave_no_supervisor(pidfile: str) -> None:
    """Stop the supervisor that started us when its whole root was deleted: nobody could ever reach it again."""
    if not os.path.exists(os.path.dirname(pidfile)) and os.getppid() > 1:
        os.kill(os.getppid(), signal.SIGTERM)


def restart_delay(soon: int) -> float:
    """Return how many seconds to wait before a restart, after `soon` deaths in a row soon after the start."""
    return 0.0 if soon < 2 else min(LONGEST_DELAY_S, 0.5 * 2.0 ** min(soon - 2, 10))


def point_at_log(program: Program) -> None:
    """Lead our own output into the program's log: the supervisor's pipe would break when the supervisor dies."""
    log = open_log(program.log, LOG_BYTES)
    for new in (1, 2):
        os.dup2(log, new)
    os.close(log)


def hold_or_follow(folder: str, supervisor: str, bell: Bell) -> bool:
    """Return True with the program's lock held until we end; False when there is nothing left to keep."""
    path = os.path.join(folder, "lock")
    while os.path.exists(os.path.join(folder, "program.json")):
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # anew each time: a program added again has a new one
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock), os.stat(path)):
                os.close(lock)
                continue
        except FileNotFoundError:
            return False
        except BlockingIOError:
            follow(lock, bell)
            os.close(lock)
            continue
        # an orphan is not told when the program is stopped, so it only goes on with what is running
        return (Records(folder).phase in ("running", "restarting") or not orphaned(supervisor)) and signed(lock)
    return False


def orphaned(supervisor: str) -> bool:
    """Tell whether our supervisor is dead, even if another has come in its place."""
    try:
        with open(supervisor, encoding="ascii") as file:
            return int(file.read()) != os.getppid()
    except (OSError, ValueError):
        return True


def signed(lock: int) -> bool:
    """Write who we are into the lock we hold; True."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "birth": birth(os.getpid())}).encode(), 0)
    return True


def follow(lock: int, bell: Bell) -> None:
    """Wait for the end of the launcher that holds the lock, and stop it when we are stopped."""
    try:
        named = json.loads(os.pread(lock, 1000, 0))
        holder = Watched(named["pid"], named["birth"])
    except (ValueError, ProcessLookupError):  # it has only just taken the lock, or somebody is removing the program
        time.sleep(0.05)
        return
    bell.wait(math.inf, holder)
    if bell.stop:
        holder.send(signal.SIGTERM)
        while not holder.ended_within(60.0):
            continue
    holder.close()


def keep(program: Program, records: Records, bell: Bell) -> None:
    """Start or adopt the child, and restart it until a stop is asked or it has done its work once."""
    if program.once and records.phase == "completed":
        bell.wait(time.monotonic() + COUNTS_AS_STARTED_S)
        return
    child, began, soon = adopted(records), -math.inf, 0
    if child is None and bell.stop:
        return
    if child is None:
        child, began = started(program, records, "restarted" if records.pid else "started"), time.monotonic()
    while True:
        code = until_end(program, child, records, bell)
        ended = time.monotonic()
        if finished(program, records, bell, code):
            return
        soon = soon + 1 if ended - began < SOON_S else 0
        bell.wait(ended + restart_delay(soon))
        bell.stop = bell.stop or records.evicted()
        if bell.stop:
            finished(program, records, bell, None)
            return
        child, began = started(program, records, "restarted", since=ended), time.monotonic()


def adopted(records: Records) -> Watched | None:
    """Return the recorded child when it still lives; else end what it left behind."""
    if not records.pid:
        return None
    try:
        child = Watched(records.pid, records.birth)
    except ProcessLookupError:
        end_session(records.pid, records.birth)
        return None
    records.event("adopted")
    records.save("running")
    return child


def started(program: Program, records: Records, kind: str, since: float | None = None) -> Watched:
    """Start the child; it runs nothing before it is on record, so that none is ever lost."""
    point_at_log(program)
    gate, opener = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(program, gate, opener)
    os.close(gate)
    mark = birth(pid) or ""
    records.pid, records.birth, records.started_at = pid, mark, time.time()
    records.restarts += kind == "restarted"
    records.save("running")
    os.write(opener, b"g")
    os.close(opener)
    records.event(kind, downtime_s=None if since is None else round(time.monotonic() - since, 3))
    return Watched(pid, mark, ours=True)


def become(program: Program, gate: int, opener: int) -> None:
    """Turn the forked child into the program, in a session of its own. Never returns."""
    try:
        os.close(opener)
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(signum, signal.SIG_DFL)
        if os.read(gate, 1) == b"g":  # nothing comes when the launcher died
            os.chdir(program.cwd)
            os.execvpe(program.argv[0], program.argv, program.environment())  # noqa: S606 - no shell is meant
    except Exception as error:  # a child must never return into the launcher's code
        os.write(2, f"sluice: {program.argv[0]} can't be started: {error}\n".encode())
    finally:
        os._exit(127)


def until_end(program: Program, child: Watched, records: Records, bell: Bell) -> int | None:
    """Watch the child to its end, which is ours to bring when it hangs or a stop is asked; return its code."""
    unhealthy = hangs(program, child, records, bell)
    if unhealthy:
        records.event("unhealthy")
    if unhealthy or bell.stop:
        child.stop(program.grace_s)
    code = child.bury()
    killed = code is not None and code < 0
    records.event(
        "killed" if killed else "exited", code=None if killed else code, signal=-code if killed and code else None
    )
    return None if unhealthy else code


def hangs(program: Program, child: Watched, records: Records, bell: Bell) -> bool:
    """Wait: True when the child has failed its liveness check, False when it ended or a stop is asked.

    A deleted folder asks for a stop, too.
    """
    check = program.liveness
    if check is None:
        while not bell.stop and not child.ended():
            bell.wait(time.monotonic() + LOOK_AT_FOLDER_S, child)
            bell.stop = bell.stop or records.evicted()
        return False
    tally = Tally(check.failure_threshold, check.success_threshold)
    due = time.monotonic() + check.initial_delay_s
    while True:
        bell.wait(due, child)
        due = time.monotonic() + check.period_s
        bell.stop = bell.stop or records.evicted()
        passed = check.passes(bell, child)
        if bell.stop or child.ended():
            return False
        if tally.add(passed=passed):
            return True


def finished(program: Program, records: Records, bell: Bell, code: int | None) -> bool:
    """Record what follows the child's end; True when it is not to be started again."""
    if bell.stop:
        records.event("stopped")
        records.save("stopped")
        return True
    if program.once and code == 0:
        records.save("completed")
        bell.wait(time.monotonic() + COUNTS_AS_STARTED_S)
        return True
    records.save("restarting")
    return False

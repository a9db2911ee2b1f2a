"""One component alone, for a test or a trial: started, waited for, stopped with its parent.

The same command that the supervisor runs; the child asks the kernel to be told when its parent
dies, so that a killed test run leaves nothing behind.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unmogrowp.errors import TransientError

PR_SET_PDEATHSIG = 1
DIES_WITH = "UNMOGROWP_DIES_WITH"


class NotReady(TransientError):
    """A component did not become ready; the end of its log is in the message."""


def die_with_parent() -> None:
    """In the child, after every change of user: end when the process that started us ends."""
    parent = os.environ.pop(DIES_WITH, "")
    if parent:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):
            raise SystemExit(1)


@contextmanager
def running(
    arguments: list[str],
    log: Path,
    is_ready: Callable[[], bool],
    timeout_seconds: float = 180,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m <arguments>` until the block ends; enter it once `is_ready`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, DIES_WITH: str(os.getpid())}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )
    try:
        wait_until_ready(process, log, is_ready, timeout_seconds)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(
    process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool], seconds: float
) -> None:
    """Ask until it is ready.

    Raises:
        NotReady: It ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while not is_ready():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            why = "is not ready in time" if ended is None else f"ended with {ended}"
            raise NotReady(f"{process.args!r} {why}:\n{last_lines(log)}")
        time.sleep(0.1)


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log file."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return "(no log)"

"""A warm process that runs are forked from: a run starts in milliseconds instead of seconds.

A process of its own, executed anew and without a thread of gRPC, imports what runs need
(`orchestration.preloaded`) and then forks one child per run. The mechanics are those of
`multiprocessing`'s fork server; this module adds what runs need beyond it:

* Nobody waits for it. Until it is warm, runs start cold, as they would without it.
* A run outlives what is around it. The zygote of a killed code server ends after the last of its
  runs; a killed zygote is replaced, and its runs are then watched by pid.
* A zygote whose source files have changed is replaced, so that a run executes the code that is on
  disk, as a newly started process would.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing import forkserver, popen_spawn_posix
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from orchestration.liveness import is_alive

logger = logging.getLogger(__name__)

PRELOADED = "orchestration.preloaded"
# Packages whose code a run executes, and what is read of them while they are imported.
SOURCES = tuple(
    Path(__file__).parent.parent / name for name in ("assets", "jobs", "orchestration", "unmogrowp")
)
SUFFIXES = (".py", ".sql", ".json", ".yaml")
# What `multiprocessing` reports where the zygote cannot tell any more.
_UNKNOWN = 255

Fingerprint = tuple[int, int, int]


class Zygote:
    """The fork server of this process; there is one per process, as `multiprocessing` has it."""

    def __init__(self, preload: str = PRELOADED, sources: Sequence[Path] = SOURCES) -> None:
        self._server: Any = forkserver._forkserver
        self._server.set_forkserver_preload([preload])
        self._sources = sources
        self._lock = threading.Lock()
        self._read: Fingerprint | None = None
        self._greeted: int | None = None
        self._warm: int | None = None
        self._retired: list[int] = []

    @property
    def pid(self) -> int | None:
        """Return the process as it was last seen; it may have died since."""
        pid: int | None = self._server._forkserver_pid
        return pid

    def is_warm(self) -> bool:
        """Return whether it has imported the code that is on disk; see to it where it has not."""
        with self._lock:
            self._retired = [pid for pid in self._retired if not _has_ended(pid)]
            on_disk = fingerprint(self._sources)
            if self.pid is not None and (_has_ended(self.pid) or on_disk != self._read):
                self._retire()
            if self.pid is None:
                self._read = on_disk
                self._server.ensure_running()
            if self.pid != self._greeted:
                self._greeted = self.pid
                threading.Thread(target=self._greet, args=(self.pid,), daemon=True).start()
            return self._warm == self.pid

    def end(self) -> None:
        """Let it end after the last of its runs; nobody waits for that."""
        with self._lock:
            if self.pid is not None:
                self._retire()

    def _retire(self) -> None:
        server = self._server
        self._retired.append(server._forkserver_pid)
        os.close(server._forkserver_alive_fd)
        server._forkserver_pid = server._forkserver_alive_fd = None
        server._forkserver_address = None

    def _greet(self, pid: int | None) -> None:
        """Fork a process that does nothing: a zygote answers once it has imported everything."""
        greeting = ForkServerProcess(target=os.getpid)
        try:
            greeting.start()
            greeting.join()
        except (OSError, EOFError) as error:
            logger.warning("the zygote %s did not answer: %s", pid, error)
        if greeting.exitcode == 0:
            self._warm = pid
        else:
            self._greeted = None


class RunProcess(ForkServerProcess):
    """The process of a run, warm where it can be; it does not die with its zygote."""

    # What a run itself starts by `multiprocessing` is not forked from the zygote.
    _start_method = "spawn"
    _zygote: Zygote
    _started_at = 0.0

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - a method of the base
        if RunProcess._zygote.is_warm():
            return ForkServerProcess._Popen(process_obj)
        return popen_spawn_posix.Popen(process_obj)

    def start(self) -> None:
        """Fork, or start cold."""
        super().start()
        self._started_at = time.time()

    def is_alive(self) -> bool:
        """Return whether it runs; where its zygote was killed, the pid has the last word."""
        return super().is_alive() or (
            self.pid is not None
            and self.exitcode == _UNKNOWN
            and is_alive(self.pid, self._started_at)
        )


class RunContext(ForkServerContext):
    """A context of `multiprocessing` whose processes are runs."""

    Process = RunProcess

    def __init__(self, zygote: Zygote) -> None:
        super().__init__()
        RunProcess._zygote = zygote


def fingerprint(sources: Sequence[Path]) -> Fingerprint:
    """Return number, newest time and total bytes of the source files below some folders."""
    count = newest = total = 0
    for source in sources:
        for folder, _, names in os.walk(source):
            for name in names:
                if name.endswith(SUFFIXES):
                    try:
                        found = os.stat(os.path.join(folder, name))
                    except FileNotFoundError:
                        continue
                    count += 1
                    newest = max(newest, found.st_mtime_ns)
                    total += found.st_size
    return count, newest, total


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True

"""Which processes are ours: known by pid and creation time, never by their name.

Each component's launcher writes a record before it becomes the component. It outlives a killed
supervisor, so the next `up` or `down` finds what is left over. A component's helpers (the
collector's workers, Dagster's runs) are known by its process group while it lives, and when it was
killed by the mark that its launcher puts into the environment.
"""

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

HOME_MARK = "UNMOGROWP_HOME"
COMPONENT_MARK = "UNMOGROWP_COMPONENT"
CLOCK_TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessRecord:
    """One process as it was when it started."""

    name: str
    pid: int
    created_at: float  # epoch seconds, from the kernel

    def is_alive(self) -> bool:
        """Tell whether this very process runs (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created_at) < CLOCK_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class ProcessRecords:
    """The records of one data folder, a file per component under `<home>/run/pids`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "run" / "pids"

    def write(self, name: str, pid: int) -> None:
        """Record a process as the present one of its component."""
        self._folder.mkdir(parents=True, exist_ok=True)
        created_at = psutil.Process(pid).create_time()
        partial = self._folder / f".{name}.{pid}"
        partial.write_text(json.dumps({"pid": pid, "created_at": created_at}))
        partial.replace(self._folder / name)

    def read(self, name: str) -> ProcessRecord | None:
        """Return the last record of a component."""
        try:
            entry = json.loads((self._folder / name).read_text())
            return ProcessRecord(name, int(entry["pid"]), float(entry["created_at"]))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def forget(self) -> None:
        """Remove all records; only when nothing of them lives."""
        for name in self._names():
            (self._folder / name).unlink(missing_ok=True)

    def living(self, only: str | None = None) -> list[tuple[str, psutil.Process]]:
        """Return the processes of the components that are alive, with their component."""
        records = {
            record.pid: record
            for record in map(self.read, self._names())
            if record is not None and record.is_alive()
        }
        found = []
        for process in psutil.process_iter():
            # Somebody else's process, or one that ends while we look.
            with contextlib.suppress(psutil.Error, OSError):
                name = self._component_of(process, records)
                zombie = name is not None and process.status() == psutil.STATUS_ZOMBIE
                if name is not None and not zombie and only in (None, name):
                    found.append((name, process))
        return found

    def sweep(self, only: str | None = None, grace_seconds: float = 10) -> list[str]:
        """End what is left of the components: asked first, then killed. Return their names."""
        found = [(name, p) for name, p in self.living(only) if p.pid != os.getpid()]
        for name, process in found:
            # PostgreSQL waits for its clients on SIGTERM; SIGINT sends them away.
            asked = signal.SIGINT if name == "postgres" else signal.SIGTERM
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(asked)
        for seconds in (grace_seconds, 5):
            if left := _wait_until_gone([process for _, process in found], seconds):
                for process in left:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
        return sorted({name for name, _ in found})

    def _names(self) -> list[str]:
        if not self._folder.exists():
            return []
        return sorted(f.name for f in self._folder.iterdir() if not f.name.startswith("."))

    def _component_of(
        self, process: psutil.Process, records: dict[int, ProcessRecord]
    ) -> str | None:
        record = records.get(process.pid) or records.get(os.getpgid(process.pid))
        if record is not None:
            return record.name
        environment = process.environ()
        if environment.get(HOME_MARK) == str(self._home):
            return environment.get(COMPONENT_MARK)
        return None


def _wait_until_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that still live after at most so many seconds; zombies do not."""
    deadline = time.monotonic() + seconds
    while True:
        left = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)

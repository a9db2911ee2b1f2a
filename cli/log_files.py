"""Reading a log file that is written, and rotated, while it is read."""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

POLL_SECONDS = 0.3


def tail(file: Path, count: int, *, follow: bool) -> Iterator[str]:
    """Give the last lines, and with `follow` every further one, across rotations."""
    handle = file.open(errors="replace")
    try:
        yield from (line.rstrip("\n") for line in deque(handle, maxlen=count))
        while follow:
            yield from _further_lines(handle)
            if _is_rotated(file, handle):
                yield from _further_lines(handle)
                handle.close()
                handle = file.open(errors="replace")
            else:
                time.sleep(POLL_SECONDS)
    finally:
        handle.close()


def _further_lines(handle: TextIO) -> Iterator[str]:
    while line := handle.readline():
        yield line.rstrip("\n")


def _is_rotated(file: Path, handle: TextIO) -> bool:
    try:
        return file.stat().st_ino != os.fstat(handle.fileno()).st_ino
    except FileNotFoundError:
        return False

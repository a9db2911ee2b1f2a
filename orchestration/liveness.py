"""Whether a process that said something once is still the one that has its pid."""

import psutil

# Clocks of /proc and of the event log differ by scheduling; a pid used again by a process that
# began later than this after the event is another process.
_CREATE_TIME_TOLERANCE_S = 2.0


def is_alive(pid: int, reported_at: float) -> bool:
    """Return whether the process that reported itself at an instant (epoch seconds) still runs.

    A zombie is dead, and so is a process that began after the report: it got the pid later.
    """
    try:
        process = psutil.Process(pid)
        return bool(
            process.status() != psutil.STATUS_ZOMBIE
            and process.create_time() <= reported_at + _CREATE_TIME_TOLERANCE_S
        )
    except psutil.NoSuchProcess:
        return False

"""Durations and instants as people say them, without losing the millisecond that decided."""

from datetime import datetime

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))


def duration(milliseconds: int) -> str:
    """Return a duration in full: `6 days 23 hours 59 minutes 59 seconds 999 ms`."""
    if milliseconds == 0:
        return "0 ms"
    parts = []
    rest = milliseconds
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    if rest:
        parts.append(f"{rest} ms")
    return " ".join(parts)


def instant(at: datetime) -> str:
    """Return an instant in UTC to the millisecond."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"

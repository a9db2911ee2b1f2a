"""Durations as people write them: `7d`, `24h`, `1d12h`, `90m`, `30s`, `250ms`."""

import re

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_UNITS_MS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
_PART = re.compile(r"(\d+)(d|h|ms|m|s)")


def milliseconds(text: str) -> int:
    """Return a duration such as `1d12h` in milliseconds.

    Raises:
        ValueError: It is not whole numbers, each with one of the units d, h, m, s, ms.
    """
    compact = text.replace(" ", "").lower()
    parts = _PART.findall(compact)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is no duration; write it like 7d, 24h, 90m or 1d12h")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)

"""The rules of cleaning once more, in plain Python and as slow as they like: tests only.

Written from the contract, not from the SQL; where the two differ, one of them is wrong.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000
MAX_AGE_MS = 3 * 365 * DAY_MS
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
SERVER_LIBRARIES = (
    "analytics-python",
    "analytics-node",
    "@segment/analytics-node",
    "analytics.net",
)


def instant_of(text: str) -> int | None:
    """Return epoch milliseconds of an ISO 8601 text or an epoch of 10 or 13 digits."""
    if re.fullmatch(r"\d{13}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"\d{10}", text, re.ASCII):
        return int(text) * 1000
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        day = datetime.fromisoformat(match["date"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        return None
    offset_minutes = 0
    zone = match["zone"] or "Z"
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            return None
        offset_minutes = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    milliseconds = int((match["fraction"] or "0").ljust(3, "0")[:3])
    epoch = (day - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    seconds = hour * 3600 + (minute - offset_minutes) * 60 + second
    return epoch + seconds * 1000 + milliseconds


@dataclass(frozen=True)
class Times:
    """What the rules make of one item."""

    original_at: int | None
    sent_at: int | None
    occurred_at: int
    clock_skew_ms: int
    flags: tuple[str, ...]
    is_too_old: bool


def times_of(
    *,
    received_at: int,
    timestamp: str = "",
    original_timestamp: str = "",
    item_sent_at: str = "",
    batch_sent_at: str = "",
    own_received_at: str = "",
    library: str = "",
) -> Times:
    """Apply the rules of time to one event."""
    flags = []
    client = instant_of(timestamp or original_timestamp)
    sent = instant_of(item_sent_at or batch_sent_at)
    measured = 0
    if sent is not None and library not in SERVER_LIBRARIES and not own_received_at:
        measured = received_at - sent
    skew = 0
    if client is None:
        flags.append("time.unreadable" if timestamp or original_timestamp else "time.missing")
    elif (sent is not None and 0 <= sent - client <= 30 * DAY_MS) or (
        abs(measured) <= 10 * 365 * DAY_MS
    ):
        skew = measured
    if skew != measured:
        flags.append("time.skew_ignored")
    occurred = received_at if client is None else client + skew
    if occurred > received_at:
        flags.append("time.future")
        occurred = received_at
    return Times(client, sent, occurred, skew, tuple(flags), received_at - occurred > MAX_AGE_MS)

from datetime import UTC, datetime

import pytest

from unmogrowp.attribution.words import duration, instant


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (1, "1 ms"),
        (1_000, "1 second"),
        (604_800_000, "7 days"),
        (604_800_001, "7 days 1 ms"),
        (604_799_999, "6 days 23 hours 59 minutes 59 seconds 999 ms"),
        (90_061_000, "1 day 1 hour 1 minute 1 second"),
    ],
)
def test_durations_keep_the_millisecond_that_decides(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


def test_instants_are_utc_to_the_millisecond() -> None:
    at = datetime(2026, 3, 10, 12, 0, 0, 7_000, tzinfo=UTC)
    assert instant(at) == "2026-03-10 12:00:00.007 UTC"

"""UTC days, the one way in which tables are cut."""

from datetime import date

import dagster as dg

# Not later than the oldest event that is accepted: three years before the first release. The
# start never moves, so that a partition once materialised stays known.
FIRST_DAY = date(2023, 1, 1)

# end_offset: today is a partition; without it micro-batches would have nowhere to report.
daily_partitions = dg.DailyPartitionsDefinition(
    start_date=FIRST_DAY.isoformat(), timezone="UTC", end_offset=1
)


def day_of(partition_key: str) -> date:
    """Return the day that a partition key names."""
    return date.fromisoformat(partition_key)


def has_partition(day: date, today: date) -> bool:
    """Return whether Dagster knows the day; events are never older or newer than that."""
    return FIRST_DAY <= day <= today

"""What jobs that work through a queue of days are told."""

import dagster as dg
from pydantic import Field


class DueDaysConfig(dg.Config):
    """Which due days to build; the default is all of them, which is always safe."""

    days: list[str] = Field(
        default_factory=list, description="UTC days (YYYY-MM-DD); empty: every day that is due"
    )
    max_days: int = Field(
        default=60, gt=0, le=1_000, description="Days of one run; the rest stays due"
    )

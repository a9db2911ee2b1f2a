"""SQL lives in files: `load("landing/stage_events")` is `queries/landing/stage_events.sql`."""

from functools import cache
from pathlib import Path

QUERIES = Path(__file__).parent / "queries"


@cache
def load(name: str) -> str:
    """Return the text of one query file.

    Raises:
        FileNotFoundError: There is no query of that name.
    """
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")

"""Numbers of the landing ledger for changes that no range of the stream brought.

Marts are older than such a change while they have read the ledger up to a lower number: the days it
concerns are touched under the number, and the number is given to the ledger once they are. Whoever
does both holds the pipeline lock.
"""

from typing import Literal

from unmogrowp.warehouse.client import Warehouse

Change = Literal["rebuilt", "stitched", "reviewed"]


def next_number(warehouse: Warehouse) -> int:
    """Return the number that the next entry of the ledger will have."""
    return int(warehouse.scalar("SELECT max(landing_seq) FROM audit.landing_ranges")) + 1


def take_number(warehouse: Warehouse, number: int, change: Change, note: str, now_ms: int) -> None:
    """Give a number to the ledger, as an entry without records.

    Args:
        warehouse: Where the ledger is.
        number: What `next_number` said.
        change: The state of the entry: what kind of change it is.
        note: Which change, for people.
        now_ms: When, in milliseconds of Unix time.
    """
    warehouse.run(
        "landing/settle_range",
        {
            "landing_seq": number,
            "state": change,
            "note": note,
            "topic": "",
            "topic_id": "",
            "partition": 0,
            "start": 0,
            "end": 0,
            "now_ms": now_ms,
        },
    )

"""Rows that a rebuild of a clean day takes away may take links with them: their devices are noted.

A rebuild calls this with the rows that come and go, before it swaps them; the next build of
identities reads the links of these devices anew, from all their events.
"""

from collections.abc import Callable
from typing import Protocol

from unmogrowp.warehouse.client import Warehouse


class ChangedRows(Protocol):
    """What a rebuild says about the rows it changes."""

    @property
    def landing_seq(self) -> int:
        """Number of the rebuild."""
        ...

    @property
    def now_ms(self) -> int:
        """Instant to record."""
        ...

    @property
    def events_table(self) -> str:
        """Table of the events that come or go."""
        ...


def rebuilt_devices_noter(warehouse: Warehouse) -> Callable[[ChangedRows], None]:
    """Return the callback for rebuilds of days."""

    def note_rebuilt_devices(changed: ChangedRows) -> None:
        database, events = changed.events_table.split(".")
        warehouse.run(
            "identity/note_rebuilt_devices",
            {
                "landing_seq": changed.landing_seq,
                "now_ms": changed.now_ms,
                "database": database,
                "events": events,
            },
        )

    return note_rebuilt_devices

"""What a build of identities means for published installs: restatements, and days that become due.

All of it is written before the identities themselves, so that a repeat of a build that was killed
finds what the first try found.
"""

from collections.abc import Callable
from datetime import date

from unmogrowp.clock import Clock
from unmogrowp.identity.builds import Build
from unmogrowp.identity.scratch import Scratch
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

ONE_BLOCK = {
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 100_000_000_000,
    "max_insert_block_size": 100_000_000,
    "max_insert_threads": 1,
}
_FIRST_DAY = date(1970, 1, 2)
_LAST_DAY = date(2149, 6, 5)

Write = Callable[[str, Callable[[], object]], None]


class Consequences:
    """Writes down what changes for installs; `write` names each write to whoever watches."""

    def __init__(self, warehouse: Warehouse, clock: Clock, write: Write) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._write = write

    def restate(self, build: Build, tables: Scratch, number: int) -> int:
        """Write down which published installs come out otherwise, and make their days due."""
        names = {name: tables[name] for name in ("placed", "present", "moved")}
        self._warehouse.run("identity/moved_devices", {**names, "target": names["moved"]})
        moved = tables.count("moved")
        if not moved and not tables.count("devices"):
            return 0
        self._warehouse.run(
            "identity/affected_devices",
            {**names, "devices": tables["devices"], "target": tables["affected"]},
        )
        self._warehouse.execute(
            f"INSERT INTO {tables.full('kept')} {named_queries.load('mart/kept_installs')}",
            {"devices": tables["affected"], "first_day": _FIRST_DAY, "last_day": _LAST_DAY},
        )
        outcome = {"devices": tables["affected"], "kept": tables["kept"]}
        written = self._warehouse.scalar(
            "SELECT count() FROM audit.restatements WHERE build_id = {build_id:UInt64}",
            {"build_id": build.build_id},
        )
        if moved and not written:
            self._write(
                "audit.restatements",
                lambda: self._warehouse.run(
                    "identity/restate",
                    {
                        **outcome,
                        "placed": names["placed"],
                        "build_id": build.build_id,
                        "now_ms": self._clock.now_ms(),
                    },
                    ONE_BLOCK,
                ),
            )
        self._write(
            "audit.touched_days",
            lambda: self._warehouse.run(
                "identity/touch_restated_days",
                {**outcome, "landing_seq": number, "now_ms": self._clock.now_ms()},
            ),
        )
        if moved:
            self._write(
                "audit.touched_days of events",
                lambda: self._warehouse.run(
                    "identity/touch_event_days",
                    {
                        "moved": names["moved"],
                        "landing_seq": number,
                        "now_ms": self._clock.now_ms(),
                    },
                ),
            )
            self._write(
                "audit.touched_days of openings",
                lambda: self._warehouse.run(
                    "identity/touch_opening_days",
                    {
                        "affected": tables["affected"],
                        "landing_seq": number,
                        "now_ms": self._clock.now_ms(),
                    },
                ),
            )
        return moved

    def touch_days_of_aliases(self, build: Build, tables: Scratch, number: int) -> None:
        """Make days due whose installs go by another name than the events that landed."""
        names = {"seen": tables["seen"], "target": tables["aliases"]}
        self._warehouse.run("identity/aliases", names)
        if not tables.count("aliases"):
            return
        self._write(
            "audit.touched_days of aliases",
            lambda: self._warehouse.run(
                "identity/touch_days_of_aliases",
                {
                    "aliases": tables["aliases"],
                    "after": build.after_seq,
                    "through": build.through_seq,
                    "landing_seq": number,
                    "now_ms": self._clock.now_ms(),
                },
            ),
        )

    def touched(self, number: int) -> int:
        """Return how many days this build made due."""
        return int(
            self._warehouse.scalar(
                "SELECT uniqExact(day) FROM audit.touched_days"
                " WHERE mart IN ('installs', 'attribution', 'events') AND reason = 'identity'"
                " AND watermark = {number:UInt64}",
                {"number": number},
            )
        )

"""A lander on the engine inside the test process, and what it left in the tables."""

from collections.abc import Sequence
from typing import Any

from tests.engine import empty_tables, engine
from tests.fakes.requests import NOON
from unmogrowp.landing.land import AfterPublish, Lander, LandingReport
from unmogrowp.landing.options import LANDED_TOPICS, LandingOptions
from unmogrowp.landing.rebuild import Rebuilder
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

CLEAN_TABLES = ("clean.events", "clean.touches", "clean.failed", "clean.duplicates")


class FrozenClock:
    """Always the same instant, until a test moves it."""

    def __init__(self, now_ms: int = NOON) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms


class House:
    """An empty warehouse, an empty stream, and the machinery between them."""

    def __init__(self, partitions: int = 1, options: LandingOptions | None = None) -> None:
        self.warehouse: Warehouse = engine()
        empty_tables(self.warehouse)
        self.stream = MemoryStream([str(topic) for topic in LANDED_TOPICS], partitions=partitions)
        self.clock = FrozenClock()
        self.options = options or LandingOptions()

    def lander(
        self, reader: StreamReader | None = None, after_publish: Sequence[AfterPublish] = ()
    ) -> Lander:
        return Lander(
            self.warehouse, reader or self.stream, self.clock, self.options, after_publish
        )

    def land(self) -> LandingReport:
        return self.lander().land()

    def rebuilder(self) -> Rebuilder:
        return Rebuilder(self.warehouse, self.clock, self.options)

    def ids(self, table: str = "clean.events", column: str = "message_id") -> list[str]:
        rows = self.warehouse.rows(f"SELECT {column} FROM {table} ORDER BY {column}")
        return [row[0] for row in rows]

    def records(self, table: str, order: str = "offset, item_index") -> list[dict[str, Any]]:
        return self.warehouse.records(f"SELECT * FROM {table} ORDER BY {order}")

    def event(self, message_id: str) -> dict[str, Any]:
        found = self.warehouse.records(
            "SELECT * FROM clean.events WHERE message_id = {id:String}", {"id": message_id}
        )
        assert len(found) == 1, f"{message_id}: {len(found)} rows"
        return found[0]

    def hashes(self, *tables: str) -> dict[str, ContentHash]:
        return {table: content_hash(self.warehouse, table) for table in tables or CLEAN_TABLES}

"""Lands events in ranges, builds identities, and reads back what came out."""

from collections.abc import Callable, Iterable, Sequence

from tests.market.build import StillClock
from tests.market.identity_oracle import Identities, identities_of
from tests.market.model import Event, insert_events
from unmogrowp.identity.build import IdentityOptions, Stitcher
from unmogrowp.identity.builds import Stitching
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

Row = tuple[str, str, str, str, str, int]


def land(warehouse: Warehouse, seq: int, events: Sequence[Event]) -> None:
    """Append events as range `seq` of the ledger."""
    insert_events(warehouse, events, landing_seq=seq)
    for state in ("planned", "landed"):
        warehouse.run(
            "landing/settle_range",
            {
                "landing_seq": seq, "state": state, "note": "", "topic": "events.v1",
                "topic_id": "t", "partition": 0, "start": seq, "end": seq + 1, "now_ms": 0,
            },
        )  # fmt: skip


def watermark(warehouse: Warehouse) -> int:
    return int(warehouse.named_rows("landing/watermark")[0][0])


def stitch(
    warehouse: Warehouse,
    limit: int = 200,
    *,
    is_full: bool = False,
    reach: Callable[[str], None] = lambda _: None,
) -> list[Stitching]:
    """Build identities of everything landed."""
    stitcher = Stitcher(warehouse, StillClock(), IdentityOptions(limit), reach=reach)
    return stitcher.stitch(watermark(warehouse), is_full=is_full)


def land_and_stitch(warehouse: Warehouse, batches: Iterable[Sequence[Event]], limit: int) -> None:
    """Land batches one after the other, with a build after each."""
    for events in batches:
        land(warehouse, watermark(warehouse) + 1, events)
        stitch(warehouse, limit)


def rows(warehouse: Warehouse) -> dict[str, set[Row]]:
    """Return clean.identities by app, as the oracle gives them."""
    found: dict[str, set[Row]] = {}
    for app_id, *row in warehouse.rows(
        "SELECT app_id, identifier, kind, component_key, role, cut,"
        " toUnixTimestamp64Milli(first_seen_at) FROM clean.identities FINAL"
    ):
        found.setdefault(app_id, set()).add(tuple(row))
    return found


def expected(events: Iterable[Event], limit: int = 200) -> dict[str, Identities]:
    """Return what the oracle says, by app."""
    by_app: dict[str, list[Event]] = {}
    for event in events:
        by_app.setdefault(event.app_id, []).append(event)
    return {app_id: identities_of(own, limit) for app_id, own in by_app.items()}


def components(warehouse: Warehouse, app_id: str = "app") -> dict[str, str]:
    """Return the component of each identifier that is joined to one."""
    return {
        identifier: component
        for identifier, _, component, role, _, _ in rows(warehouse).get(app_id, set())
        if role == "joined"
    }


def hashes(warehouse: Warehouse) -> tuple[ContentHash, ContentHash]:
    """Return the content hashes of links and identities."""
    return (
        content_hash(warehouse, "clean.identity_links", is_final=True),
        content_hash(warehouse, "clean.identities", is_final=True),
    )

"""Requests whose items the engine cannot count: split here, so that one bad item costs only itself.

The collector's parser and the engine's differ: a number such as 1e400 or invalid UTF-8 inside an
item passes the first, and the second then finds no items in the whole body. Each item is cut out
of the original bytes, the engine says which of them it can read, and those that it cannot become
rows of `clean.failed` with their bytes. What is left is a request with `null` in the place of the
bad items, which the ordinary statements stage like any other, with the same item indexes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from unmogrowp.landing.options import CleanTables
from unmogrowp.warehouse.client import Params, Warehouse

REPAIRED = "staging.repaired_requests"
SPLIT_ITEMS = "staging.split_items"
UNREADABLE = "parse.engine"
MISCOUNTED = "record.item_count"

_ITEM_SCHEMA = pa.schema(
    [
        ("topic_id", pa.string()),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("frame_index", pa.uint16()),
        ("item_index", pa.uint32()),
        ("code", pa.string()),
        ("bytes", pa.binary()),
    ]
)
_REPAIR_SCHEMA = pa.schema(
    [
        ("topic_id", pa.string()),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("frame_index", pa.uint16()),
        ("body", pa.binary()),
        ("bad_indexes", pa.list_(pa.uint32())),
    ]
)
_Coordinates = tuple[str, int, int, int]


@dataclass(slots=True)
class SplitRequest:
    """A request cut into the bytes of its items; `rest` is the envelope without them."""

    coordinates: _Coordinates
    path: str
    item_count: int
    refused: dict[int, str]
    items: list[bytes]
    rest: dict[str, bytes]
    is_counted: bool

    @property
    def place(self) -> dict[str, object]:
        """Return the coordinates as columns."""
        names = ("topic_id", "partition", "offset", "frame_index")
        return dict(zip(names, self.coordinates, strict=True))


def split_body(body: bytes, path: str, item_count: int) -> tuple[list[bytes], dict[str, bytes]]:
    """Cut a body into the bytes of its items and those of its other fields.

    A body that is no JSON object has no items. A single call is its own only item.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if path == "/v1/batch" or "batch" in fields:
            raw_items = msgspec.json.decode(fields.pop("batch"), type=list[msgspec.Raw])
            return [bytes(item) for item in raw_items], {k: bytes(v) for k, v in fields.items()}
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, KeyError):
        return ([body] if item_count == 1 and path != "/v1/batch" else []), {}
    return [body], {}


def repair_requests(warehouse: Warehouse, slice_params: Params, staged: CleanTables) -> int:
    """Split what the engine cannot count; return how many requests were put into `REPAIRED`.

    Bad items go into the table of failed ones. The order of everything is that of coordinates,
    and the verdict is the engine's, so that a repeat and a rebuild find the same.
    """
    requests = _uncounted(warehouse, slice_params, staged)
    bad = _unreadable_items(warehouse, requests)
    _take_back(warehouse, staged, requests)
    failed: list[dict[str, object]] = []
    repaired: list[dict[str, object]] = []
    for request in requests:
        bad_indexes = bad.get(request.coordinates, set())
        failed.extend(_failures(request, bad_indexes))
        if request.is_counted and len(bad_indexes) < request.item_count:
            body = _join(warehouse, request, bad_indexes)
            repaired.append({**request.place, "body": body, "bad_indexes": sorted(bad_indexes)})
    _insert_failed(warehouse, slice_params, failed, staged.failed)
    _insert_repaired(warehouse, slice_params, repaired)
    return len(repaired)


def give_up_uncounted(warehouse: Warehouse, slice_params: Params, staged: CleanTables) -> None:
    """Refuse every item of requests that the engine cannot count even after their repair."""
    requests = _uncounted(warehouse, slice_params, staged)
    if not requests:
        return
    _take_back(warehouse, staged, requests)
    rows = [
        row for request in requests for row in _failures(request, set(range(request.item_count)))
    ]
    _insert_failed(warehouse, slice_params, rows, staged.failed)


def _uncounted(
    warehouse: Warehouse, slice_params: Params, staged: CleanTables
) -> list[SplitRequest]:
    rows = warehouse.named_rows(
        "clean/uncounted_requests",
        {
            **slice_params,
            "events": staged.events,
            "touches": staged.touches,
            "failed": staged.failed,
        },
    )
    requests = []
    for topic_id, partition, offset, frame, path, item_count, refused, codes, body_hex in rows:
        items, rest = split_body(bytes.fromhex(body_hex), path, item_count)
        requests.append(
            SplitRequest(
                (topic_id, partition, offset, frame),
                path,
                item_count,
                dict(zip(refused, codes, strict=True)),
                items,
                rest,
                is_counted=len(items) == item_count,
            )
        )
    return requests


def _take_back(warehouse: Warehouse, staged: CleanTables, requests: Sequence[SplitRequest]) -> None:
    """Remove what was staged of these requests."""
    warehouse.execute(f"TRUNCATE TABLE {SPLIT_ITEMS}")
    rows = [{**request.place, "item_index": 0, "code": "", "bytes": b""} for request in requests]
    warehouse.insert_arrow(SPLIT_ITEMS, pa.Table.from_pylist(rows, schema=_ITEM_SCHEMA), token="")
    for table in (staged.events, staged.touches, staged.failed):
        warehouse.run("clean/drop_requests", {"table": table})


def _failures(request: SplitRequest, bad_indexes: set[int]) -> list[dict[str, object]]:
    """Return one row for each item that is lost to the clean tables."""
    if request.is_counted:
        return [
            {
                **request.place,
                "item_index": index,
                "code": request.refused.get(index, UNREADABLE),
                "bytes": request.items[index],
            }
            for index in sorted(bad_indexes)
        ]
    # The header promised another number of items: each promised one gets a row, so that counts
    # add up, and the last one takes along whatever is left over.
    items: list[bytes] = request.items[: request.item_count]
    items += [b""] * (request.item_count - len(items))
    if items:
        items[-1] = b",".join([items[-1], *request.items[request.item_count :]])
    return [
        {**request.place, "item_index": index, "code": MISCOUNTED, "bytes": data}
        for index, data in enumerate(items)
    ]


def _unreadable_items(
    warehouse: Warehouse, requests: Sequence[SplitRequest]
) -> dict[_Coordinates, set[int]]:
    """Ask the engine which items it cannot read on their own."""
    rows = [
        {**request.place, "item_index": index, "code": "", "bytes": item}
        for request in requests
        if request.is_counted
        for index, item in enumerate(request.items)
    ]
    warehouse.execute(f"TRUNCATE TABLE {SPLIT_ITEMS}")
    if rows:
        table = pa.Table.from_pylist(rows, schema=_ITEM_SCHEMA)
        warehouse.insert_arrow(SPLIT_ITEMS, table, token="")
    found: dict[_Coordinates, set[int]] = {}
    for topic_id, partition, offset, frame, index in warehouse.named_rows("clean/unreadable_items"):
        found.setdefault((topic_id, partition, offset, frame), set()).add(index)
    return found


def _join(warehouse: Warehouse, request: SplitRequest, bad_indexes: set[int]) -> bytes:
    """Put the readable items back into an envelope that the engine can read."""
    items = [b"null" if index in bad_indexes else item for index, item in enumerate(request.items)]
    fields = [b'"batch":[' + b",".join(items) + b"]"]
    for name in ("context", "sentAt"):
        if name in request.rest:
            fields.append(f'"{name}":'.encode() + _readable(warehouse, request.rest[name]))
    if request.path != "/v1/batch" and not request.rest and len(items) == 1:
        return items[0]
    return b"{" + b",".join(fields) + b"}"


def _readable(warehouse: Warehouse, value: bytes) -> bytes:
    """Return a field of the envelope, with what the engine cannot read replaced."""
    is_valid = warehouse.scalar(
        "SELECT JSONHas(concat('{\"read\":1,\"value\":', unhex({value:String}), '}'), 'read')",
        {"value": value.hex()},
    )
    if is_valid:
        return value
    decoded = json.loads(value.decode("utf-8", "replace"), parse_constant=lambda _: None)
    return json.dumps(_finite(decoded)).encode()


def _finite(value: object) -> object:
    """Replace numbers that JSON cannot hold by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _insert_failed(
    warehouse: Warehouse, slice_params: Params, rows: list[dict[str, object]], target: str
) -> None:
    warehouse.execute(f"TRUNCATE TABLE {SPLIT_ITEMS}")
    if rows:
        table = pa.Table.from_pylist(rows, schema=_ITEM_SCHEMA)
        warehouse.insert_arrow(SPLIT_ITEMS, table, token="")
        warehouse.run("clean/stage_unreadable_items", {**slice_params, "target": target})


def _insert_repaired(
    warehouse: Warehouse, slice_params: Params, rows: list[dict[str, object]]
) -> None:
    bodies = "staging.repaired_bodies"
    warehouse.execute(f"TRUNCATE TABLE {bodies}")
    if rows:
        warehouse.insert_arrow(bodies, pa.Table.from_pylist(rows, schema=_REPAIR_SCHEMA), token="")
        warehouse.run("clean/repair_requests", {**slice_params, "target": REPAIRED})

"""The rules of time in SQL against the oracle, and the cases that the contract names."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.cleaning_oracle import SERVER_LIBRARIES, Times, times_of
from tests.fakes.landing import House
from tests.fakes.requests import DAY_MS, NOON, iso, send_batch, track

YEAR_MS = 365 * DAY_MS


def _ms(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)


def _found(house: House, message_id: str) -> Times | None:
    rows = house.warehouse.records(
        "SELECT * FROM clean.events WHERE message_id = {id:String}", {"id": message_id}
    )
    if not rows:
        return None
    row = rows[0]
    return Times(
        _ms(row["original_at"]),
        _ms(row["sent_at"]),
        _ms(row["occurred_at"]) or 0,
        row["clock_skew_ms"],
        tuple(row["time_flags"]),
        is_too_old=False,
    )


def _send(house: House, message_id: str, case: dict[str, Any]) -> None:
    item = track(message_id)
    for name, key in (
        ("timestamp", "timestamp"),
        ("original_timestamp", "originalTimestamp"),
        ("item_sent_at", "sentAt"),
        ("own_received_at", "receivedAt"),
    ):
        if case.get(name):
            item[key] = case[name]
    item["context"] = {"library": {"name": case.get("library", "")}}
    envelope = {"sentAt": case["batch_sent_at"]} if case.get("batch_sent_at") else None
    send_batch(house.stream, [item], case["received_at"], envelope=envelope)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "client time without a time of sending is taken as it is": (
        {"timestamp": iso(NOON - 5000)},
        {"occurred_at": NOON - 5000, "clock_skew_ms": 0, "flags": ()},
    ),
    "a clock that is 10 minutes slow is corrected": (
        {"timestamp": iso(NOON - 605_000), "batch_sent_at": iso(NOON - 600_000)},
        {"occurred_at": NOON - 5000, "clock_skew_ms": 600_000, "flags": ()},
    ),
    "the time of sending of the item wins over that of the batch": (
        {
            "timestamp": iso(NOON - 10_000),
            "item_sent_at": iso(NOON - 1000),
            "batch_sent_at": iso(NOON - 9000),
        },
        {"occurred_at": NOON - 9000, "clock_skew_ms": 1000},
    ),
    "a phone in 1970 is correctable": (
        {"timestamp": iso(60_000), "batch_sent_at": iso(65_000)},
        {"occurred_at": NOON - 5000, "flags": ()},
    ),
    "the explicit timestamp wins over originalTimestamp": (
        {"timestamp": iso(NOON - 9 * DAY_MS), "original_timestamp": iso(NOON - 1000)},
        {"occurred_at": NOON - 9 * DAY_MS},
    ),
    "a server library keeps its clock, whatever its time of sending": (
        {
            "timestamp": iso(NOON - 5000),
            "item_sent_at": iso(NOON - 3_600_000),
            "library": "analytics-node",
        },
        {"occurred_at": NOON - 5000, "clock_skew_ms": 0},
    ),
    "an item with a receivedAt of its own is not corrected": (
        {
            "timestamp": iso(NOON - 5000),
            "batch_sent_at": iso(NOON - 4000),
            "own_received_at": iso(NOON - 3000),
        },
        {"occurred_at": NOON - 5000, "clock_skew_ms": 0},
    ),
    "an event sent after 30 days is still corrected at the edge": (
        {
            "timestamp": iso(NOON - 11 * YEAR_MS - 30 * DAY_MS),
            "batch_sent_at": iso(NOON - 11 * YEAR_MS),
        },
        {"occurred_at": NOON - 30 * DAY_MS, "clock_skew_ms": 11 * YEAR_MS},
    ),
    "one millisecond beyond 30 days a skew of more than 10 years does not count": (
        {
            "timestamp": iso(NOON - 11 * YEAR_MS - 30 * DAY_MS - 1),
            "batch_sent_at": iso(NOON - 11 * YEAR_MS),
        },
        None,  # type: ignore[dict-item]
    ),
    "no client time means the time of receipt": (
        {},
        {"occurred_at": NOON, "original_at": None, "flags": ("time.missing",)},
    ),
    "an unreadable client time means the time of receipt": (
        {"timestamp": "yesterday"},
        {"occurred_at": NOON, "original_at": None, "flags": ("time.unreadable",)},
    ),
    "one millisecond in the future is the time of receipt": (
        {"timestamp": iso(NOON + 1)},
        {"occurred_at": NOON, "original_at": NOON + 1, "flags": ("time.future",)},
    ),
    "the instant of receipt is not in the future": (
        {"timestamp": iso(NOON)},
        {"occurred_at": NOON, "flags": ()},
    ),
    "an event of exactly three years is kept": (
        {"timestamp": iso(NOON - 3 * YEAR_MS)},
        {"occurred_at": NOON - 3 * YEAR_MS},
    ),
    "one millisecond more is refused": (
        {"timestamp": iso(NOON - 3 * YEAR_MS - 1)},
        None,  # type: ignore[dict-item]
    ),
    "ten digits are seconds": (
        {"timestamp": str(NOON // 1000 - 7)},
        {"occurred_at": NOON - 7000},
    ),
    "thirteen digits are milliseconds": (
        {"timestamp": str(NOON - 7)},
        {"occurred_at": NOON - 7},
    ),
    "an offset counts": (
        {"timestamp": "2026-09-24T13:30:00.250+05:30"},
        {"occurred_at": NOON - 4 * 3_600_000 + 250},
    ),
}


@pytest.fixture(scope="module")
def landed() -> House:
    """All named cases, landed once."""
    house = House()
    for name, (case, _) in CASES.items():
        _send(house, name, {"received_at": NOON, **case})
    house.land()
    return house


@pytest.mark.parametrize("name", CASES)
def test_case(landed: House, name: str) -> None:
    case, expected = CASES[name]
    found = _found(landed, name)
    oracle = times_of(received_at=NOON, **case)
    if expected is None:
        assert found is None
        assert oracle.is_too_old
        codes = landed.warehouse.rows(
            "SELECT code FROM clean.failed WHERE position(bytes, {name:String})", {"name": name}
        )
        assert codes == [("time.too_old",)]
        return
    assert found == oracle
    assert {key: getattr(found, key) for key in expected} == expected


_instants = st.one_of(
    st.integers(NOON - 40 * DAY_MS, NOON + DAY_MS),
    st.integers(NOON - 12 * YEAR_MS, NOON + YEAR_MS),
    st.integers(0, 10 * DAY_MS),
)
_texts = st.one_of(
    _instants.map(iso),
    _instants.map(lambda ms: str(max(ms, 10**12))),
    _instants.map(lambda ms: iso(ms)[:19] + "+02:00"),
    _instants.map(lambda ms: iso(ms)[:10]),
    _instants.map(lambda ms: iso(ms)[:23] + "987654-0330"),
    st.from_regex(
        r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
        r"(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
    ).filter(lambda text: text >= "0002"),
    st.sampled_from(["", "null", "2026", "2026-02-30T00:00:00Z", "12:00", "1e12", " ", "²026"]),
)
_cases = st.fixed_dictionaries(
    {
        "received_at": st.integers(NOON - 2 * DAY_MS, NOON + 2 * DAY_MS),
        "timestamp": _texts,
        "original_timestamp": st.one_of(st.just(""), _texts),
        "item_sent_at": st.one_of(st.just(""), _texts),
        "batch_sent_at": st.one_of(st.just(""), _texts),
        "own_received_at": st.sampled_from(["", "", iso(NOON)]),
        "library": st.sampled_from(["", "analytics-kotlin", "analytics-swift", *SERVER_LIBRARIES]),
    }
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_cases, min_size=20, max_size=60))
def test_sql_and_oracle_agree(cases: list[dict[str, Any]]) -> None:
    house = House()
    for index, case in enumerate(cases):
        _send(house, f"m{index}", case)
    house.land()
    for index, case in enumerate(cases):
        oracle = times_of(**case)
        expected = None if oracle.is_too_old else oracle
        assert _found(house, f"m{index}") == expected, case

"""Installs by shape: n Application Installed, o another event; the rows must be exactly these."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, actual_rows, build_days, days_of, load
from tests.market.model import DAY, HOUR, SECOND, Event, at
from tests.market.oracle import digest

T = at("2026-03-10T12:00:00")
MIDNIGHT = at("2026-03-11T00:00:00")


def n(offset: int = 0, message_id: str = "n", **fields: Any) -> Event:
    return Event(message_id=message_id, occurred_at=T + offset, **fields)


def o(offset: int = 0, message_id: str = "o", **fields: Any) -> Event:
    return replace(n(offset, message_id, **fields), event_name="Application Opened")


@dataclass(frozen=True)
class Shape:
    """`rows`: (source message, ordinal, offset from T, is implied), in order of time."""

    name: str
    events: list[Event]
    rows: list[tuple[str, int, int, bool]]


SHAPES = [
    Shape("1n", [n()], [("n", 1, 0, False)]),
    Shape("2n within the hour are one", [n(), n(HOUR, "m")], [("n", 1, 0, False)]),
    Shape("2n an hour and 1 ms apart are two", [n(), n(HOUR + 1, "m")],
          [("n", 1, 0, False), ("m", 2, HOUR + 1, False)]),
    Shape("3n in steps of 40 minutes: the third is measured from the kept one",
          [n(), n(2 * HOUR // 3, "m"), n(4 * HOUR // 3, "l")],
          [("n", 1, 0, False), ("l", 2, 4 * HOUR // 3, False)]),
    Shape("2n at one instant: the smaller message id", [n(0, "b"), n(0, "a")],
          [("a", 1, 0, False)]),
    Shape("a late first install moves the ordinals", [n(), n(-2 * DAY, "early", received_at=T)],
          [("early", 1, -2 * DAY, False), ("n", 2, 0, False)]),
    Shape("1o from a phone is an implied install", [o()], [("o", 1, 0, True)]),
    Shape("2o: the first one", [o(SECOND, "p"), o()], [("o", 1, 0, True)]),
    Shape("2o at one instant: the smaller message id", [o(0, "b"), o(0, "a")], [("a", 1, 0, True)]),
    Shape("1o from the web is none", [o(platform="web")], []),
    Shape("1o from a server is none", [o(platform="server")], []),
    Shape("1o of unknown platform is none", [o(platform="")], []),
    Shape("1n from a server is one", [n(platform="server")], [("n", 1, 0, False)]),
    Shape("1o without any device is none", [o(device_key="message:o")], []),
    Shape("1n without any device is one", [n(device_key="message:n")], [("n", 1, 0, False)]),
    Shape("o_then_n within the hour: n takes its place", [o(), n(HOUR)], [("n", 1, HOUR, False)]),
    Shape("o_then_n at the same instant: n takes its place", [o(), n(0)], [("n", 1, 0, False)]),
    Shape("o_then_n an hour and 1 ms later: a reinstall", [o(), n(HOUR + 1)],
          [("o", 1, 0, True), ("n", 2, HOUR + 1, False)]),
    Shape("n_then_o: no implied install", [n(), o(DAY)], [("n", 1, 0, False)]),
    Shape("n long before o: no implied install", [n(-300 * DAY), o()],
          [("n", 1, -300 * DAY, False)]),
    Shape("o_before_midnight n_after_it: the implied one is gone from its day",
          [o(12 * HOUR - 1), n(12 * HOUR)], [("n", 1, 12 * HOUR, False)]),
    Shape("n on both sides of midnight within the hour is one",
          [n(12 * HOUR - 1, "a"), n(12 * HOUR, "b")], [("a", 1, 12 * HOUR - 1, False)]),
    Shape("two devices", [n(0, "a", device_key="d1"), n(1, "b", device_key="d2")],
          [("a", 1, 0, False), ("b", 1, 1, False)]),
    Shape("a copy after the horizon of deduplication is no second install",
          [n(), n(received_at=T + 31 * DAY, offset=1)], [("n", 1, 0, False)]),
    Shape("an identify call is an event like another", [replace(o(), event_name="")],
          [("o", 1, 0, True)]),
]  # fmt: skip


@pytest.fixture(scope="module")
def built() -> dict[str, dict[str, list[dict[str, Any]]]]:
    warehouse = engine()
    empty_tables(warehouse)
    markets = [
        Market(tuple(replace(event, app_id=shape.name) for event in shape.events))
        for shape in SHAPES
    ]
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    return actual_rows(warehouse)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.name)
def test_installs(shape: Shape, built: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    rows = sorted(
        built.get(shape.name, {"installs": []})["installs"],
        key=lambda row: (row["installed_at"], row["source_message_id"]),
    )
    assert [
        (row["source_message_id"], row["ordinal"], row["installed_at"] - T, row["is_implied"])
        for row in rows
    ] == shape.rows
    for row in rows:
        ordinal = row["ordinal"]
        assert row["install_id"] == digest(shape.name, row["device_key"], str(ordinal))
        assert row["install_kind"] == ("install" if ordinal == 1 else "reinstall")
    for before, row in itertools.pairwise(rows):
        if row["ordinal"] > 1:
            assert row["previous_install_id"] == before["install_id"]
            assert row["since_previous_ms"] == row["installed_at"] - before["installed_at"]


def test_a_reinstall_within_90_days_is_no_new_install() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    apps = {"89d": 90 * DAY - 1, "90d": 90 * DAY, "90d1ms": 90 * DAY + 1}
    markets = [Market((n(app_id=app), n(gap, "again", app_id=app))) for app, gap in apps.items()]
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    found = {
        app: [row["conversion_kind"] for row in sorted(tables["decisions"], key=str)]
        for app, tables in actual_rows(warehouse).items()
    }
    assert {app: sorted(kinds) for app, kinds in found.items()} == {
        "89d": ["install", "reinstall"],
        "90d": ["install", "reinstall"],
        "90d1ms": ["install", "install"],
    }

"""Parts of the collector that decide without waiting: quotas, senders, keys, counters."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from ingest_api.dead_letters import DAY_MS, MAX_SOURCES, OVERHEAD_BYTES, DeadLetterQuota
from ingest_api.keys import (
    AppEntry,
    KeyEntry,
    KeyRing,
    Snapshot,
    read_snapshot_file,
    write_snapshot_file,
)
from ingest_api.senders import AddressBook, client_address, key_in_authorization
from ingest_api.statistics import HOUR_MS, Statistics
from unmogrowp.control.key_hash import hash_key

PEPPER = b"p" * 32


def snapshot(version: int = 1, *, disabled: bool = False, revoked: bool = False) -> Snapshot:
    return Snapshot(
        version=version,
        apps=[AppEntry("app", "00" * 32, is_disabled=disabled), AppEntry("other", "11" * 32)],
        keys=[
            KeyEntry("key", hash_key("secret", PEPPER), "app", is_revoked=revoked),
            KeyEntry("strict", hash_key("strict", PEPPER), "other", is_strict=True),
            KeyEntry("orphan", hash_key("orphan", PEPPER), "gone"),
        ],
    )


def test_a_source_has_its_quota_a_day_and_all_together_theirs() -> None:
    quota = DeadLetterQuota(10 * OVERHEAD_BYTES, 15 * OVERHEAD_BYTES)
    assert quota.take("a", 9 * OVERHEAD_BYTES, 0)
    assert not quota.take("a", 0, DAY_MS - 1)
    assert quota.take("b", 4 * OVERHEAD_BYTES, 0)
    assert not quota.take("c", 0, 0)
    assert quota.take("a", 0, DAY_MS)


def test_sources_beyond_the_remembered_ones_share_a_quota() -> None:
    quota = DeadLetterQuota(OVERHEAD_BYTES, 10 * MAX_SOURCES * OVERHEAD_BYTES)
    assert all(quota.take(str(number), 0, 0) for number in range(MAX_SOURCES))
    assert quota.take("late", 0, 0)
    assert not quota.take("later", 0, 0)


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (b"Basic " + b64encode(b"wk:"), "wk"),
        (b"basic " + b64encode(b"wk"), "wk"),
        (b"Basic " + b64encode(b"wk:password"), "wk"),
        (b"Basic " + b64encode(b"wk:").rstrip(b"="), "wk"),
        (b"Basic ", ""),
        (b"Basic a", ""),
        (b"Basic " + b64encode(b"\xff\xfe:"), ""),
        (b"Bearer wk", ""),
        (b"", ""),
    ],
)
def test_the_key_is_the_user_of_basic_authentication(header: bytes, key: str) -> None:
    assert key_in_authorization(header) == key


TRUSTED = {"127.0.0.1", "10.0.0.1"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("9.9.9.9", None, "9.9.9.9"),
        ("9.9.9.9", b"1.1.1.1", "9.9.9.9"),
        ("127.0.0.1", b"1.1.1.1", "1.1.1.1"),
        ("127.0.0.1", b"6.6.6.6, 1.1.1.1, 10.0.0.1", "1.1.1.1"),
        ("127.0.0.1", b"10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", b"", "127.0.0.1"),
    ],
)
def test_only_trusted_proxies_are_believed(
    peer: str, forwarded: bytes | None, address: str
) -> None:
    assert client_address(peer, forwarded, TRUSTED) == address


def test_addresses_are_looked_up_per_app() -> None:
    book = AddressBook()
    first = book.look_up("203.0.113.9", b"a" * 32)
    assert first[0] == b"203.0.113.0/24"
    assert book.look_up("203.0.113.9", b"a" * 32) == first
    assert book.look_up("203.0.113.9", b"b" * 32)[1] != first[1]
    assert book.look_up("", b"a" * 32) == (b"", b"")


def test_keys_and_apps_are_found_and_strangers_are_not() -> None:
    ring = KeyRing(PEPPER, snapshot())
    found = ring.of_key("secret")
    assert found is not None
    assert (found.app_id, found.key_id, found.is_strict) == ("app", "key", False)
    assert ring.of_key("secret") is found
    strict = ring.of_key("strict")
    assert strict is not None
    assert strict.is_strict
    assert ring.of_key("unknown") is None
    assert ring.of_key("orphan") is None
    assert ring.of_app("app") is not None
    assert ring.of_app("nobody") is None


@pytest.mark.parametrize("change", ["disabled", "revoked"])
def test_a_key_that_was_good_is_refused_with_the_next_snapshot(change: str) -> None:
    ring = KeyRing(PEPPER, snapshot())
    assert ring.of_key("secret") is not None
    ring.replace(snapshot(2, **{change: True}))
    assert ring.of_key("secret") is None
    assert (ring.of_app("app") is None) == (change == "disabled")


def test_without_any_snapshot_nobody_is_known_yet() -> None:
    assert not KeyRing(PEPPER).is_loaded
    assert KeyRing(PEPPER, snapshot()).is_loaded


def test_the_snapshot_file_is_for_its_owner_alone_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "collector" / "keys.json"
    assert read_snapshot_file(file) is None
    write_snapshot_file(file, snapshot(7))
    assert read_snapshot_file(file) == snapshot(7)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]
    file.write_bytes(b'{"version":')
    assert read_snapshot_file(file) is None


def report(statistics: Statistics, now_ms: int = 0, **more: Any) -> tuple[dict[str, Any], int]:
    body, change = statistics.report(now_ms, **more)
    return json.loads(body), change


def test_counters_are_cumulative_and_told_only_when_they_changed() -> None:
    statistics = Statistics("c-0", "boot", 5)
    statistics.count_acknowledged("app", HOUR_MS + 1, "events.v1", 100)
    statistics.count_acknowledged("app", HOUR_MS + 2, "events.v1", 1)
    statistics.count_refused("app", HOUR_MS + 2, "events.v1", "sink.busy")
    statistics.count_unknown("", 2 * HOUR_MS, "touches.v1", 3)
    assert statistics.has_news
    first, change = report(statistics, 9)
    assert {name: first[name] for name in ("collector_id", "boot_id", "sequence", "final")} == {
        "collector_id": "c-0", "boot_id": "boot", "sequence": 1, "final": False,
    }  # fmt: skip
    assert first["counts"] == [
        {
            "app_id": "app", "hour": HOUR_MS, "topic": "events.v1", "acknowledged_requests": 2,
            "acknowledged_items": 101, "unknown_requests": 0, "unknown_items": 0,
            "refused": {"sink.busy": 1},
        },
        {
            "app_id": "", "hour": 2 * HOUR_MS, "topic": "touches.v1", "acknowledged_requests": 0,
            "acknowledged_items": 0, "unknown_requests": 1, "unknown_items": 3, "refused": {},
        },
    ]  # fmt: skip
    again, _ = report(statistics)
    assert again["counts"] == first["counts"], "a report that was not acknowledged is told again"
    statistics.acknowledge(change, 2 * HOUR_MS)
    assert not statistics.has_news
    assert report(statistics)[0]["counts"] == []
    statistics.count_acknowledged("app", HOUR_MS + 3, "events.v1", 1)
    assert [row["acknowledged_items"] for row in report(statistics)[0]["counts"]] == [102]


def test_what_has_no_outcome_is_unknown_in_one_report_and_corrected_in_the_next() -> None:
    statistics = Statistics("c-0", "boot", 0)
    key = ("app", HOUR_MS, "events.v1")
    first, change = report(statistics, pending=[(key, 5), (key, 6)])
    assert [(row["unknown_requests"], row["unknown_items"]) for row in first["counts"]] == [(2, 11)]
    statistics.acknowledge(change, HOUR_MS)
    assert statistics.has_news
    statistics.count_acknowledged("app", HOUR_MS, "events.v1", 5)
    second, _ = report(statistics)
    assert [(row["acknowledged_items"], row["unknown_requests"]) for row in second["counts"]] == [
        (5, 0)
    ]


def test_hours_long_over_are_forgotten_once_they_were_told() -> None:
    statistics = Statistics("c-0", "boot", 0)
    statistics.count_acknowledged("app", 0, "events.v1", 1)
    _, change = report(statistics)
    statistics.acknowledge(0, 10 * HOUR_MS)
    assert report(statistics)[0]["counts"] != []
    statistics.acknowledge(change, 10 * HOUR_MS)
    statistics.count_acknowledged("app", 9 * HOUR_MS, "events.v1", 1)
    assert [row["hour"] for row in report(statistics)[0]["counts"]] == [9 * HOUR_MS]

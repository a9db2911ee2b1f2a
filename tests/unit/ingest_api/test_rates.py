"""Rates: what one worker lets through, alone and with a bucket it shares with others."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as ValkeyIsAway

from ingest_api.leases import Leases
from ingest_api.options import CollectorOptions
from ingest_api.rates import LEAST_CREDIT, MAX_BUCKETS, Bucket, RateLimits, Rates, _source
from tests.fakes.collector import Answer, FakeCollector
from unmogrowp.contracts.topics import Topic

KEY = {"Authorization": "Basic " + b64encode(b"wk:").decode()}
OTHER = {"Authorization": "Basic " + b64encode(b"wk-open:").decode()}
EVENT = {"type": "track", "event": "x", "userId": "u"}


class SharedBucket:
    """What Valkey would say, in plain Python; `is_away` as if it were not there."""

    def __init__(self) -> None:
        self.tokens: dict[str, float] = {}
        self.is_away = False
        self.asked = 0

    async def ask(self, debts: Sequence[tuple[Bucket, float, float]]) -> list[tuple[float, float]]:
        self.asked += 1
        if self.is_away:
            raise ValkeyIsAway("away")
        answers = []
        for bucket, debt, want in debts:
            left = max(-bucket.burst, self.tokens.get(bucket.name, bucket.burst) - debt)
            granted = max(0.0, min(want, left))
            self.tokens[bucket.name] = left - granted
            wait_s = 0.0 if granted else (1 - self.tokens[bucket.name]) / bucket.rate
            answers.append((granted, wait_s))
        return answers


def collector(**limits: Any) -> FakeCollector:
    rates = RateLimits(**{"burst_seconds": 2.0, **limits})
    return FakeCollector(options=CollectorOptions(rates=rates, min_free_disk_bytes=0))


def batch(count: int) -> bytes:
    return json.dumps({"batch": [EVENT] * count}).encode()


def refused(collector: FakeCollector) -> list[tuple[str, dict[str, int]]]:
    report = json.loads(collector.app.statistics.report(0)[0])
    return [(row["app_id"], row["refused"]) for row in report["counts"] if row["refused"]]


def assert_come_back(answer: Answer, seconds: int) -> None:
    assert (answer.status, answer.json()["error"]) == (429, "rate.limited")
    assert abs(int(answer.headers["retry-after"]) - seconds) <= 2
    assert answer.headers["x-ratelimit-reset"] == answer.headers["retry-after"]


@pytest.mark.usefixtures("way")
def test_a_key_over_its_rate_is_told_when_to_come_back_and_nothing_is_kept() -> None:
    limited = collector(events_per_key=1, burst_seconds=200.0)
    assert limited.call("POST", "/v1/batch", batch(199), KEY).status == 200
    assert limited.call("POST", "/v1/batch", batch(300), KEY).status == 200, "one may overdraw"
    assert_come_back(limited.call("POST", "/v1/batch", batch(1), KEY), 300)
    assert_come_back(limited.call("POST", "/v1/batch", b"{", KEY), 300)
    assert limited.call("POST", "/v1/batch", batch(1), OTHER).status == 200
    assert len(limited.records()) == 3
    assert limited.records(Topic.DEAD_LETTERS) == []
    assert refused(limited) == [("app", {"rate.limited": 2})]


def test_a_key_in_the_body_is_limited_like_one_in_a_header() -> None:
    limited = collector(events_per_key=1, burst_seconds=200.0)
    body = json.dumps({"batch": [EVENT] * 200, "writeKey": "wk"}).encode()
    assert limited.call("POST", "/v1/batch", body).status == 200
    assert limited.call("POST", "/v1/batch", body).status == 429


def test_touches_are_limited_by_app() -> None:
    limited = collector(touches_per_app=1)
    target = "/v1/click?app_id=app&media_source=m"
    assert [limited.call("GET", target).status for _ in range(3)] == [200, 200, 429]
    assert limited.call("GET", target.replace("=app", "=open")).status == 200
    assert limited.call("POST", "/v1/batch", batch(50), KEY).status == 200


def test_strangers_are_limited_by_address_and_friends_beside_them_are_not() -> None:
    limited = collector(strangers_per_address=1)
    answers = [limited.call("POST", "/v1/track", b"{}") for _ in range(3)]
    assert [answer.status for answer in answers] == [401, 401, 429]
    assert limited.call("POST", "/v1/track", b"{", peer="203.0.113.9").status == 400
    assert limited.call("POST", "/v1/batch", batch(1), KEY).status == 200
    stranger = {"Authorization": "Basic " + b64encode(b"unknown:").decode()}
    assert limited.call("POST", "/v1/track", b"{}", stranger).status == 429
    assert limited.call("GET", "/v1/click?app_id=nobody").status == 429
    assert refused(limited) == [("", {"rate.limited": 2}), ("", {"rate.limited": 1})]


def test_addresses_of_one_household_are_one_source_and_are_not_readable() -> None:
    secret = b"s" * 32
    assert _source("2001:db8::1", secret) == _source("2001:db8::ffff:2", secret)
    assert _source("2001:db8:0:1::1", secret) != _source("2001:db8::1", secret)
    assert _source("203.0.113.1", secret) != _source("203.0.113.2", secret)
    assert "203" not in _source("203.0.113.1", secret)


def test_without_a_limit_nothing_is_counted() -> None:
    free = collector()
    assert {free.call("POST", "/v1/track", b"{}").status for _ in range(30)} == {401}


class Ticks:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_of_ones_own_fills_with_time_up_to_its_burst() -> None:
    ticks = Ticks()
    bucket = Bucket("b", 10, 2.0, ticks.now)
    bucket.forgive()
    bucket.spend(20, ticks.now)
    assert bucket.wait_s(ticks.now) == pytest.approx(0.1)
    assert bucket.wait_s(ticks.now + 0.05) > 0
    assert bucket.wait_s(ticks.now + 0.101) == 0
    bucket.spend(1, ticks.now + 1_000)
    assert bucket.own == 19


def test_a_lease_is_spent_here_and_the_shared_bucket_is_asked_only_when_it_ends() -> None:
    bucket = Bucket("b", 1_000, 1.0, 0.0)
    bucket.settle(0, 100, 0, 0.0)
    assert [bucket.spend(40, 0.0) for _ in range(3)] == [False, False, True]
    assert bucket.debt == 20
    assert bucket.wait_s(0.0) == 0, "what is over the lease is spent on credit"
    bucket.settle(20, 0, 1.5, 0.0)
    assert bucket.wait_s(0.5) == 1.0
    assert bucket.wait_s(1.5) == 0


def test_workers_share_one_bucket_and_together_exceed_it_only_by_their_credit() -> None:
    shared = SharedBucket()
    limits = RateLimits(events_per_key=100, burst_seconds=1.0)
    options = CollectorOptions(rates=limits, min_free_disk_bytes=0)
    workers = [FakeCollector(options=options, ask_for_tokens=shared.ask) for _ in range(2)]
    accepted = 0

    async def work() -> None:
        nonlocal accepted
        for worker in workers:
            worker.app.delivery.start()
            worker.app.delivery.open()
            assert worker.app.leases is not None
            worker.app.leases.start()
        for _ in range(150):
            for worker in workers:
                answer = await worker.send("POST", "/v1/batch", batch(1), KEY)
                accepted += answer.status == 200
            await asyncio.sleep(0.001)
        for worker in workers:
            assert worker.app.leases is not None
            await worker.app.leases.stop()
            await worker.app.delivery.stop()

    asyncio.run(work())
    assert 90 <= accepted <= 100 + 2 * 2 * LEAST_CREDIT
    assert shared.asked < 40, "requests do not ask one by one"


def test_while_valkey_is_away_each_worker_keeps_to_the_limit_alone_and_debts_are_forgiven() -> None:
    shared = SharedBucket()
    shared.is_away = True

    async def work() -> None:
        leases = Leases(shared.ask)
        bucket = Bucket("key:k", 100, 1.0, 0.0)
        for _ in range(500):
            bucket.spend(1, 0.0)
        leases.want(bucket)
        leases.start()
        await asyncio.sleep(0.02)
        assert bucket.wait_s(0.0) == pytest.approx(4.01)
        assert bucket.debt <= bucket.credit + 1
        shared.is_away = False
        await asyncio.sleep(1.1)
        leases.want(bucket)
        await asyncio.sleep(0.05)
        assert shared.tokens["key:k"] >= 100 - bucket.credit - 1 - 10
        await leases.stop()

    asyncio.run(work())


def test_the_number_of_buckets_is_bounded_and_busy_ones_stay() -> None:
    ticks = Ticks()
    rates = Rates(RateLimits(strangers_per_address=1), b"s" * 32, monotonic=ticks)
    for number in range(MAX_BUCKETS):
        rates._new_bucket("address", str(number), 1)
    ticks.now += 61
    rates._buckets["address", "7"].used_at = ticks.now
    rates._new_bucket("address", "late", 1)
    assert list(rates._buckets) == [("address", "7"), ("address", "late")]

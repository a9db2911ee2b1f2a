"""The collector as it runs: real workers, broker and PostgreSQL, and what may befall them."""

import json
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.collector_server import PROJECT, Clients, Server
from tests.running_stack import open_folder
from unmogrowp.stream.collector_control import request_reports

MIB = 1024 * 1024
TOUCHES_A_SECOND = 50
BURST_SECONDS = 2
RECORDED = sorted((PROJECT / "tests" / "fixtures" / "clients").glob("*/*.json"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with (
        open_folder("unmogrowp-collector-") as folder,
        Server(
            folder,
            UNMOGROWP_COLLECTOR__IN_FLIGHT_BYTES=str(8 * MIB),
            UNMOGROWP_COLLECTOR__ACK_TIMEOUT_MS="4000",
            UNMOGROWP_COLLECTOR__STATS_INTERVAL_SECONDS="0.5",
            UNMOGROWP_COLLECTOR__RATE_TOUCHES_PER_APP=str(TOUCHES_A_SECOND),
            UNMOGROWP_COLLECTOR__RATE_BURST_SECONDS=str(BURST_SECONDS),
        ) as running,
    ):
        yield running


def assert_nothing_acknowledged_is_missing(server: Server, clients: Clients) -> None:
    assert clients.acknowledged
    missing = set(clients.acknowledged) - set(server.message_ids())
    assert missing == set()


def test_segments_own_python_client_delivers_unmodified(server: Server) -> None:
    from segment.analytics.client import Client

    logging.getLogger("segment").setLevel(logging.CRITICAL)
    app_id, _, write_key = server.create_app()
    failures: list[Exception] = []
    for gzip in (True, False):
        client = Client(
            write_key,
            host=f"http://127.0.0.1:{server.port}",
            gzip=gzip,
            on_error=lambda error, _items: failures.append(error),
        )
        for number in range(250):
            client.track("u", "Opened", {"n": number, "text": "ü😀"}, message_id=f"{gzip}-{number}")
        client.identify("u", {"plan": "pro"}, message_id=f"{gzip}-identify")
        client.flush()
        client.join()
    assert failures == []
    sent = [f"{gzip}-{n}" for gzip in (True, False) for n in [*range(250), "identify"]]
    assert server.message_ids(app_id) == Counter(sent)


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_recorded_requests_of_sdks_are_taken_whole(server: Server, file: Path) -> None:
    for request in json.loads(file.read_text())["requests"]:
        body = json.dumps(request["body_json"], ensure_ascii=False).encode()
        headers = {
            name: value
            for name, value in request["headers"]
            if name.lower() not in ("authorization", "content-length", "host", "content-encoding")
        }
        status, found, answer = server.answer(
            request["method"], request["path"], body, {**headers, **server.authorization()}
        )
        assert (status, answer) == (200, b'{"success": true}')
        assert found["x-accepted"] == str(len(request["body_json"]["batch"]))
        assert found["x-rejected"] == "0"


def test_a_new_key_works_at_once_and_a_revoked_one_no_longer_after_five_seconds(
    server: Server,
) -> None:
    body = b'{"batch":[{"type":"page","userId":"u","messageId":"m"}]}'
    _, key_id, write_key = server.create_app()
    headers = server.authorization(write_key)
    assert server.answer("POST", "/v1/batch", body, headers)[0] == 200
    server.revoke_key(key_id)
    time.sleep(5)
    for _ in range(8):  # both workers
        assert server.answer("POST", "/v1/batch", body, headers)[0] == 401


def test_a_killed_worker_loses_nothing_it_acknowledged_and_comes_back(server: Server) -> None:
    before = {worker.pid for worker in server.workers()}
    with Clients(server) as clients:
        time.sleep(1.5)
        victim = server.workers()[0]
        victim.kill()
        time.sleep(2)
    server.wait_until(lambda: len({w.pid for w in server.workers()} - before) == 1, 30)
    assert set(clients.statuses) <= {200, 0}
    assert clients.statuses[200] > 5
    assert_nothing_acknowledged_is_missing(server, clients)
    server.wait_until(lambda: len({report["collector_id"] for report in server.reports()}) == 2, 20)


def test_a_broker_that_stands_still_costs_bounded_memory_and_honest_answers(
    server: Server,
) -> None:
    with Clients(server, count=24, batch=100, pad=2_000) as clients:
        time.sleep(3)
        before = {worker.pid: worker.memory_info().rss for worker in server.workers()}
        server.signal_broker(signal.SIGSTOP)
        most: Counter[int] = Counter()
        began = time.monotonic()
        try:
            while time.monotonic() - began < 10:
                for worker in server.workers():
                    most[worker.pid] = max(most[worker.pid], worker.memory_info().rss)
                time.sleep(0.2)
            ready = server.answer("GET", "/v1/health/ready")[0]
        finally:
            server.signal_broker(signal.SIGCONT)
        time.sleep(5)
    assert clients.statuses[503] > 0
    assert clients.without_retry_after == 0
    assert ready == 503
    assert set(most) == set(before), "no worker died"
    grown = {pid: (most[pid] - before[pid]) / MIB for pid in most}
    # The budget of 8 MiB, the producer's copy of it, and what a body costs while it is read.
    assert max(grown.values()) < 48, grown
    server.wait_until(lambda: server.answer("GET", "/v1/health/ready")[0] == 200, 30)
    with Clients(server, count=2) as after:
        time.sleep(1)
    assert after.statuses[200] > 0
    assert_nothing_acknowledged_is_missing(server, clients)


def test_postgres_may_be_away_also_while_the_collector_starts(server: Server) -> None:
    server.stop_postgres()
    try:
        with Clients(server, count=2) as clients:
            time.sleep(3)
        assert set(clients.statuses) == {200}
        assert server.stop_collector() == 0
        server.start_collector()
        with Clients(server, count=2) as restarted:
            time.sleep(2)
        assert set(restarted.statuses) == {200}
    finally:
        server.start_postgres()
    body = b'{"batch":[{"type":"page","userId":"u","messageId":"m"}]}'
    _, _, write_key = server.create_app()
    server.wait_until(
        lambda: server.answer("POST", "/v1/batch", body, server.authorization(write_key))[0] == 200,
        30,
    )


def click_for(server: Server, app_id: str, seconds: float) -> Counter[int]:
    """Send clicks from eight clients for some time; return the answers."""
    statuses: Counter[int] = Counter()
    deadline = time.monotonic() + seconds

    def click() -> None:
        while time.monotonic() < deadline:
            status, found, _ = server.answer("GET", f"/v1/click?app_id={app_id}&media_source=m")
            statuses[status] += 1
            if status == 429:
                assert int(found["retry-after"]) >= 1
            time.sleep(0.005)

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_two_workers_keep_one_limit_together_with_and_without_valkey(server: Server) -> None:
    app_id, _, _ = server.create_app()
    click_for(server, app_id, 0.5)  # the app is known to both workers
    time.sleep(BURST_SECONDS + 1)
    together = click_for(server, app_id, 4)
    assert set(together) == {200, 429}
    allowed = TOUCHES_A_SECOND * (BURST_SECONDS + 4)
    # Each worker may be ahead of the shared bucket by its credit, once.
    assert 0.6 * allowed <= together[200] <= allowed + 2 * 40
    server.kill_valkey()
    try:
        other, _, _ = server.create_app()
        alone = click_for(server, other, 4)
        assert set(alone) == {200, 429}
        assert alone[200] <= 2 * allowed + 2 * 40
    finally:
        server.start_valkey()
    now_ms = int(time.time() * 1000) + 1
    request_reports(server.home / "run" / "collector", now_ms, 30)
    assert refused_for_rate(server, app_id) >= together[429]
    assert refused_for_rate(server, other) == alone[429]


def refused_for_rate(server: Server, app_id: str) -> int:
    last: dict[tuple[Any, ...], int] = {}
    for report in server.reports():
        for row in report["counts"]:
            if row["app_id"] == app_id:
                found = row["refused"].get("rate.limited", 0)
                last[report["boot_id"], row["hour"], row["topic"]] = found
    return sum(last.values())


@pytest.mark.parametrize("fate", ["killed", "stands still"])
def test_the_end_of_valkey_costs_no_request_anything(server: Server, fate: str) -> None:
    assert server.valkey is not None
    with Clients(server) as clients:
        time.sleep(1)
        if fate == "killed":
            server.kill_valkey()
        else:
            server.valkey.send_signal(signal.SIGSTOP)
        time.sleep(3)
        if fate == "killed":
            server.start_valkey()
        else:
            server.valkey.send_signal(signal.SIGCONT)
        time.sleep(1)
    assert set(clients.statuses) == {200}
    assert clients.slowest_seconds < 3
    assert_nothing_acknowledged_is_missing(server, clients)


def counted(reports: list[dict[str, Any]], app_id: str) -> int:
    """Add up acknowledged items: of each boot and counter what was told last."""
    last: dict[tuple[Any, ...], int] = {}
    for report in reports:
        for row in report["counts"]:
            if row["app_id"] == app_id and row["topic"] == "events.v1":
                last[(report["boot_id"], row["hour"])] = row["acknowledged_items"]
    return sum(last.values())


def test_reports_on_demand_and_at_the_end_agree_with_what_clients_saw(server: Server) -> None:
    app_id, server.key_id, server.write_key = server.create_app()
    server.app_id = app_id
    with Clients(server, count=4) as clients:
        time.sleep(2)
    now_ms = int(time.time() * 1000) + 1
    places = request_reports(server.home / "run" / "collector", now_ms, 30)
    assert len(places) == 2
    assert counted(server.reports(), app_id) == len(clients.acknowledged)
    with Clients(server, count=4) as more:
        time.sleep(1)
        code = server.stop_collector()
    assert code == 0
    reports = server.reports()
    finals = {report["boot_id"] for report in reports if report["final"]}
    assert {place.boot_id for place in places} <= finals
    assert request_reports(server.home / "run" / "collector", now_ms, 5) == []
    stored = sum(server.message_ids(app_id).values())
    assert counted(reports, app_id) == stored
    assert stored >= len(clients.acknowledged) + len(more.acknowledged)
    assert_nothing_acknowledged_is_missing(server, more)
    server.start_collector()

"""Connections as clients of every manner use them; what is answered stands in the other modules."""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingest_api.connections import MAX_HEAD_BYTES
from ingest_api.options import CollectorOptions
from tests.fakes.collector import FakeCollector, FakeConnection, request_bytes
from unmogrowp.contracts.limits import Limits
from unmogrowp.contracts.topics import Topic

KEY = {"Authorization": "Basic " + b64encode(b"wk:").decode()}
MIB = 1024 * 1024
EVENT = b'{"event":"x","userId":"u"}'


def post(body: bytes = EVENT, path: str = "/v1/track", **headers: str) -> bytes:
    return b"".join(request_bytes("POST", path, body, {**KEY, **headers}))


def get(path: str) -> bytes:
    return b"".join(request_bytes("GET", path))


def run(
    work: Callable[[FakeConnection, FakeCollector], Awaitable[Any]], **options: Any
) -> FakeCollector:
    collector = FakeCollector(options=CollectorOptions(**{"min_free_disk_bytes": 0, **options}))

    async def within() -> None:
        await work(FakeConnection(collector.app), collector)

    collector.run(within)
    assert collector.app.delivery.bytes_in_flight == 0
    return collector


def test_a_request_may_arrive_byte_by_byte() -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        for byte in post() + post():
            connection.feed(bytes([byte]))
        assert [(await connection.answer()).status for _ in range(2)] == [200, 200]

    assert len(run(work).records()) == 2


@pytest.mark.parametrize(
    "requests",
    [
        [post(), post(path="/v1/page"), post()],
        [post(), get("/v1/health/live"), post(b"{")],
        [get("/v1/health/live"), post(), get("/v1/click?app_id=app&media_source=m")],
        [get("/nothing"), get("/v1/health/live"), post(), post()],
    ],
)
def test_pipelined_requests_are_answered_in_their_order(requests: list[bytes]) -> None:
    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        single = []
        for request in requests:
            lone = FakeConnection(collector.app)
            lone.feed(request)
            single.append((await lone.answer()).body)
        connection.feed(b"".join(requests))
        together = [(await connection.answer()).body for _ in requests]
        assert [without_ids(body) for body in together] == [without_ids(body) for body in single]

    run(work)


def without_ids(body: bytes) -> Any:
    found = json.loads(body)
    return {name: value for name, value in found.items() if name != "touch_id"}


def test_a_body_without_a_length_is_taken_and_counted_as_it_comes() -> None:
    def chunked(size: int) -> bytes:
        head = b"POST /v1/track HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n"
        head += b"Authorization: " + KEY["Authorization"].encode() + b"\r\n\r\n"
        body = EVENT + b" " * (size - len(EVENT))
        pieces = [body[at : at + 100] for at in range(0, size, 100)]
        return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"

    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        connection.feed(chunked(1_000))
        assert (await connection.answer()).status == 200
        connection.feed(chunked(1_001))
        assert (await connection.answer()).status == 413
        connection.feed(post())
        assert (await connection.answer()).status == 200, "the connection is still good"
        collector.app.delivery.bytes_in_flight = 63 * 1024 * 1024 + 900 * 1024
        connection.feed(chunked(1_000)[:-5])
        assert collector.app.delivery.bytes_in_flight > 63 * 1024 * 1024 + 900 * 1024
        connection.lose()
        collector.app.delivery.bytes_in_flight -= 63 * 1024 * 1024 + 900 * 1024

    collector = run(work, limits=Limits(max_wire_bytes=1_000))
    assert len(collector.records()) == 2
    assert len(collector.records(Topic.DEAD_LETTERS)[0].value) == 1_000


def test_who_waits_for_100_continue_is_told_to_go_on_only_if_there_is_room() -> None:
    head, body = request_bytes("POST", "/v1/track", EVENT, {**KEY, "Expect": "100-continue"})

    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        connection.feed(head)
        assert bytes(connection.transport.written) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.feed(body)
        assert (await connection.answer()).status == 200
        collector.app.delivery.is_disk_low = True
        connection.feed(head)
        assert (await connection.answer()).status == 503
        collector.app.delivery.is_disk_low = False

    run(work)


def test_a_refusal_before_the_body_leaves_the_connection_in_step() -> None:
    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        collector.app.delivery.is_disk_low = True
        connection.feed(post()[:-10])
        assert (await connection.answer()).status == 503
        collector.app.delivery.is_disk_low = False
        connection.feed(post()[-10:])
        connection.feed(post())
        assert (await connection.answer()).status == 200
        assert connection.transport.written == b""

    assert len(run(work).records()) == 1


@pytest.mark.parametrize("leaves_after", ["head", "body"])
def test_a_client_that_leaves_costs_nothing_and_loses_nothing_it_sent(leaves_after: str) -> None:
    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        if leaves_after == "head":
            connection.feed(post()[:-1])
            assert collector.app.delivery.bytes_in_flight > 0
            connection.lose()
        else:
            collector.stream.hold_acknowledgements()
            connection.feed(post())
            connection.lose()
            collector.stream.release_acknowledgements()
            await asyncio.sleep(0.01)

    collector = run(work)
    assert len(collector.records()) == (leaves_after == "body")


@pytest.mark.parametrize(
    ("request_line", "connection_header", "is_closed"),
    [
        ("HTTP/1.1", "keep-alive", False),
        ("HTTP/1.1", "close", True),
        ("HTTP/1.0", "keep-alive", True),
    ],
)
def test_a_connection_ends_when_its_client_says_so(
    request_line: str, connection_header: str, is_closed: bool
) -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        request = post(Connection=connection_header).replace(b"HTTP/1.1", request_line.encode())
        connection.feed(request)
        answer = await connection.answer()
        assert ("connection" in answer.headers) == is_closed
        assert connection.transport.is_closed == is_closed

    run(work)


def test_what_is_no_http_is_400_and_the_end() -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        connection.feed(b"\x16\x03\x01 hello\r\n\r\n")
        assert connection.transport.written.startswith(b"HTTP/1.1 400 ")
        assert connection.transport.is_closed

    run(work)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405_and_a_head_has_no_body(method: str) -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        connection.feed(b"".join(request_bytes(method, "/v1/batch")))
        await asyncio.sleep(0.01)
        head, _, body = bytes(connection.transport.written).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405 ")
        assert (body == b"") == (method == "HEAD")

    run(work)


def test_idle_and_slow_connections_are_closed_and_waiting_ones_are_not() -> None:
    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        connection.lose()
        idle, slow, slow_head, waiting = (opened(collector) for _ in range(4))
        slow.feed(post()[:-1])
        slow_head.feed(post()[:20])
        collector.stream.hold_acknowledgements()
        waiting.feed(post())
        await asyncio.sleep(0.15)
        assert [one.transport.is_closed for one in (slow, slow_head, waiting)] == [1, 1, 0]
        slow.lose()
        await asyncio.sleep(0.1)
        assert [one.transport.is_closed for one in (idle, waiting)] == [1, 0]
        collector.stream.release_acknowledgements()
        assert (await waiting.answer()).status == 200
        await asyncio.sleep(0.45)
        assert waiting.transport.is_closed

    def opened(collector: FakeCollector) -> FakeConnection:
        return FakeConnection(collector.app, keep_alive_seconds=0.2)

    run(work, body_timeout_seconds=0.05)


def test_a_server_that_ends_answers_what_it_began() -> None:
    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        collector.stream.hold_acknowledgements()
        connection.feed(post())
        connection.protocol.shutdown()
        assert not connection.transport.is_closed
        collector.stream.release_acknowledgements()
        answer = await connection.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.transport.is_closed

    run(work)


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 1_000 + b"\r\n", b"a" * 1_000])
def test_a_head_without_end_is_not_kept(piece: bytes) -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        connection.feed(b"POST /v1/track HTTP/1.1\r\nX-B: ")
        fed = 0
        while not connection.transport.is_closed:
            connection.feed(piece)
            fed += len(piece)
        assert MAX_HEAD_BYTES < fed <= MAX_HEAD_BYTES + len(piece)
        assert (await connection.answer()).status == 431

    run(work)


def test_who_does_not_read_answers_is_not_read() -> None:
    async def work(connection: FakeConnection, _: FakeCollector) -> None:
        connection.protocol.pause_writing()
        assert connection.transport.is_paused
        connection.feed(post())
        await connection.answer()
        assert connection.transport.is_paused
        connection.protocol.resume_writing()
        assert not connection.transport.is_paused

    run(work)


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "chunked"])
def test_512_large_uploads_at_once_hold_no_more_than_the_budget(has_length: bool) -> None:
    budget, size, step = 4 * MIB, MIB // 2, 32 * 1024

    def held(connections: list[FakeConnection]) -> int:
        return sum(len(chunk) for one in connections for chunk in one.protocol._chunks)

    async def work(connection: FakeConnection, collector: FakeCollector) -> None:
        connection.lose()
        collector.stream.hold_acknowledgements()
        connections = [FakeConnection(collector.app) for _ in range(512)]
        length = f"Content-Length: {size}" if has_length else "Transfer-Encoding: chunked"
        head = f"POST /v1/track HTTP/1.1\r\nHost: c\r\n{length}\r\n"
        head += f"Authorization: {KEY['Authorization']}\r\n\r\n"
        body = EVENT + b" " * (size - len(EVENT))
        for one in connections:
            one.feed(head.encode())
        most = 0
        for at in range(0, size, step):
            piece = body[at : at + step]
            for one in connections:
                one.feed(piece if has_length else b"%x\r\n%b\r\n" % (step, piece))
            most = max(most, held(connections), collector.app.delivery.bytes_in_flight)
        if not has_length:
            for one in connections:
                one.feed(b"0\r\n\r\n")
        assert most <= budget
        assert collector.app.delivery.bytes_in_flight <= budget
        collector.stream.release_acknowledgements()
        statuses = Counter([(await one.answer()).status for one in connections])
        assert set(statuses) <= {200, 503}
        assert statuses[503] >= 512 - budget // size
        assert len(collector.records()) == statuses[200]

    run(work, in_flight_bytes=budget)

"""A collector acknowledges nothing before the stream knows of its boot."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path

import pytest

from ingest_api.options import CollectorOptions
from tests.fakes.collector import Answer, FakeCollector
from unmogrowp.contracts.topics import Topic

KEY = {"Authorization": "Basic " + b64encode(b"wk:").decode()}
BATCH = json.dumps({"batch": [{"type": "track", "event": "x", "anonymousId": "a"}]}).encode()


@pytest.mark.parametrize("fate", ["the stream is away", "it does not say whether it has it"])
def test_nothing_is_taken_before_the_first_report_is_in_the_stream(
    tmp_path: Path, fate: str
) -> None:
    collector = FakeCollector(CollectorOptions(home=tmp_path, min_free_disk_bytes=0))
    delivery, stream = collector.app.delivery, collector.stream

    async def life() -> tuple[Answer, int, Answer]:
        delivery.start()
        if fate == "the stream is away":
            stream.take_away()
        else:
            stream.hold_acknowledgements()
        await collector.app.reporter.start()
        await asyncio.sleep(0.05)
        early = await collector.send("POST", "/v1/batch", BATCH, KEY)
        taken = len(collector.records())
        stream.bring_back()
        stream.release_acknowledgements()
        async with asyncio.timeout(10):
            while not delivery.is_open:
                await asyncio.sleep(0.01)
        taken += len(collector.records())
        later = await collector.send("POST", "/v1/batch", BATCH, KEY)
        await collector.app.reporter.stop()
        await delivery.stop()
        return early, taken, later

    early, taken, later = asyncio.run(life())
    assert early.status == 503
    assert early.headers["retry-after"]
    assert taken == 0
    assert later.status == 200
    first, *_, last = [json.loads(one.value) for one in collector.records(Topic.COLLECTOR_STATS)]
    assert not first["final"]
    acknowledged = {row["app_id"]: row["acknowledged_requests"] for row in last["counts"]}
    assert acknowledged["app"] == 1
    assert last["final"]

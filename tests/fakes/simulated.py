"""Made-up markets for tests, and what the real collector makes of their requests."""

from functools import cache
from pathlib import Path

from tests.fakes.collector import FakeCollector
from unmogrowp.simulator.generate import Played, play
from unmogrowp.simulator.replay import RecordedRequest, read_requests
from unmogrowp.simulator.shapes import shape

START = 1_790_208_000_000  # 2026-09-24T00:00:00Z
APP_ID = "app"
WRITE_KEY_BASIC = "Basic d2s6"  # `wk`, the key of the fake collector's app


@cache
def played(shape_name: str, users: int = 6_000, days: int = 20, seed: int = 11) -> Played:
    """Return a market, played once per run of the tests."""
    return play(shape(shape_name), users=users, days=days, start_ms=START, seed=seed)


def collect(folder: Path, collector: FakeCollector) -> list[int]:
    """Send a folder through the collector, each request at its own time; return the statuses."""
    statuses: list[int] = []

    async def send_all() -> None:
        for request in read_requests(folder):
            statuses.append(await _send(collector, request))

    collector.run(send_all)
    return statuses


async def _send(collector: FakeCollector, request: RecordedRequest) -> int:
    collector.clock.ms = request.at
    answer = await collector.send(
        request.method,
        request.target(APP_ID),
        bytes(request.body),
        {**request.headers, "authorization": WRITE_KEY_BASIC},
        peer="127.0.0.1",
    )
    return answer.status

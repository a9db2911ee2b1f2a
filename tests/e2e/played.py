"""Plays every scenario on one stack and runs the pipeline once over all of them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.decisions import SCENARIOS
from tests.e2e.platform import App, Finished, Platform
from tests.e2e.wire import RECORDED_KEY, STORIES, Answers

# All phones share one app: that none of them meets another one is part of what is expected.
DECISIONS = "decisions"
STRANGER = "a stranger"
# Commands start slowly and the machine may have two cores: more at once is not faster.
PARALLEL = 3


@dataclass(frozen=True)
class Played:
    """What was sent, what the collector answered, and how the pipeline ended."""

    now_ms: int
    apps: dict[str, App]
    answers: dict[str, Answers]
    market: Path
    market_sent: list[Finished]
    synced: Finished

    def app_id(self, name: str) -> str:
        """Return an app by the name of its story."""
        return self.apps[name].app_id


def play(platform: Platform) -> Played:
    """Create an app for each scenario, send all of them, then land and attribute everything."""
    # Whole seconds: some clients know no finer clock.
    now_ms = int(time.time()) * 1000
    names = [DECISIONS, STRANGER, *STORIES]
    with ThreadPoolExecutor(PARALLEL) as pool:
        keys = {"recorded": RECORDED_KEY}
        created = pool.map(
            lambda name: platform.create_app(name, write_key=keys.get(name, "")), names
        )
        apps = dict(zip(names, created, strict=True))
        platform.wait_for_keys()
        played = [
            pool.submit(scenario.play, platform, apps[DECISIONS], apps[STRANGER], now_ms)
            for scenario in SCENARIOS
        ]
        told = {
            name: pool.submit(story, platform, apps[name], now_ms)
            for name, story in STORIES.items()
        }
        market = platform.home / "market"
        market_sent = pool.submit(_send_market, platform, market)
        for scenario in played:
            scenario.result()
        answers = {name: story.result() for name, story in told.items()}
        sent = market_sent.result()
    return Played(now_ms, apps, answers, market, sent, platform.sync())


def _send_market(platform: Platform, folder: Path) -> list[Finished]:
    """Make a small market, send it, and send all of it once more."""
    size = ("--users", "150", "--days", "2", "--shape", "fraud_heavy_launch", "--seed", "3")
    return [
        platform.run("simulate", *size, "--out", str(folder), "--send", "--json"),
        platform.run("simulate", "send", str(folder), "--again", "--json"),
    ]

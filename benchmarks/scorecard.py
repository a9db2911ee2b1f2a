"""Writes docs/scorecard.md: markets of several seeds and shapes, played, landed, decided, scored.

Everything runs inside this process: the collector's application, the stream in memory, landing and
marts over the engine. Each request arrives at its own time, so that lateness and order are those
of the market. Nothing is measured but right and wrong; the same seeds give the same page.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest_api.app import Collector, create_app
from ingest_api.keys import AppEntry, KeyEntry, KeyRing, Snapshot
from ingest_api.options import CollectorOptions
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.credit_build import build_credit_day
from unmogrowp.attribution.journey_definitions import INSTALLS
from unmogrowp.attribution.openings import build_openings_day
from unmogrowp.attribution.touched_days import MARTS, mark_built
from unmogrowp.contracts.receipts import receipt_secret
from unmogrowp.contracts.topics import Topic
from unmogrowp.control.key_hash import hash_key
from unmogrowp.fraud.baselines import freeze_baseline
from unmogrowp.fraud.build import count_publishers, judge_day
from unmogrowp.fraud.networks import covered_ranges, read_networks, replace_list
from unmogrowp.identity.build import Stitcher
from unmogrowp.landing.land import Lander
from unmogrowp.landing.options import LandingOptions
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.scorecard.markdown import render_markdown
from unmogrowp.scorecard.model import Scorecard
from unmogrowp.scorecard.plot import bias_plot, share_plot, standalone
from unmogrowp.scorecard.pooling import by_shape, pool
from unmogrowp.scorecard.report import plotted_models, render_html
from unmogrowp.scorecard.score import score_market
from unmogrowp.simulator.folder import write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.population import HOSTING_PREFIX
from unmogrowp.simulator.replay import RecordedRequest, read_requests
from unmogrowp.simulator.shapes import SHAPES, shape
from unmogrowp.stream.memory import MemoryStream
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator

DAY_MS = 86_400_000
START = date(2026, 3, 1)
START_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000
PROXY = "127.0.0.1"
# As the preset, and people who come back are decided as well.
RULESET = OURS.model_copy(
    update={"reengagement": OURS.reengagement.model_copy(update={"is_on": True})}
)
REMARK = "Ruleset `ours` decides re-engagements here, which the preset of that name leaves off."
# Rules about publishers need tens of installs of each within a week, and a farm has to be one.
USERS = {"mature_app": 4_000, "fraud_heavy_launch": 10_000}


class MovedClock:
    """A clock that stands where it was put."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        """Return the present instant in epoch milliseconds."""
        return self.ms


class House:
    """Collector, stream and warehouse inside this process, for the apps named."""

    def __init__(self, app_ids: list[str], path: str) -> None:
        self.clock = MovedClock(START_MS)
        self.stream = MemoryStream([str(topic) for topic in Topic])
        self.keys = {app_id: os.urandom(12).hex() for app_id in app_ids}
        pepper = os.urandom(32)
        ring = KeyRing(
            pepper,
            Snapshot(
                version=1,
                apps=[AppEntry(app_id, os.urandom(32).hex()) for app_id in app_ids],
                keys=[
                    KeyEntry(f"key-{app_id}", hash_key(key, pepper), app_id)
                    for app_id, key in self.keys.items()
                ],
            ),
        )
        self.collector: Collector = create_app(
            CollectorOptions(min_free_disk_bytes=0),
            self.stream,
            ring,
            receipt_secret=receipt_secret(pepper),
            clock=self.clock,
        )
        self.warehouse = Warehouse.embedded(path)
        Migrator(self.warehouse).up()

    def send(self, folder: Path, app_id: str) -> int:
        """Send a market, each request at its own time; return how many were not taken."""

        async def send_all() -> int:
            self.collector.delivery.start()
            self.collector.delivery.open()
            refused = 0
            try:
                for request in read_requests(folder):
                    self.clock.ms = request.at
                    refused += await self._send(request, app_id) != 200
            finally:
                await self.collector.delivery.stop()
            return refused

        return asyncio.run(send_all())

    async def _send(self, request: RecordedRequest, app_id: str) -> int:
        path, _, query = request.target(app_id).partition("?")
        body = bytes(request.body)
        key = b64encode(f"{self.keys[app_id]}:".encode()).decode()
        headers = {
            **request.headers,
            "authorization": f"Basic {key}",
            "content-length": str(len(body)),
        }
        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
            "client": (PROXY, 1),
        }
        status = 0

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        await self.collector(scope, receive, send)
        return status

    def land(self, end_ms: int) -> None:
        """Land everything that was sent."""
        self.clock.ms = end_ms
        Lander(self.warehouse, self.stream, self.clock, LandingOptions()).land()

    def decide(self, ruleset: Ruleset, days: int) -> None:
        """Build the marts of all days, oldest first."""
        Stitcher(self.warehouse, self.clock).stitch(Ledger(self.warehouse).watermark())
        # Phones that came back under another id touched days, under a number of the ledger.
        watermark = Ledger(self.warehouse).watermark()
        hosting = covered_ranges(read_networks([HOSTING_PREFIX], "the manifest"))
        replace_list(self.warehouse, "hosting", "datacenter", hosting, self.clock)
        for number in range(days):
            day = START + timedelta(days=number)
            build_installs_day(self.warehouse, day, watermark, self.clock)
            if ruleset.reengagement.is_on:
                build_openings_day(self.warehouse, day, watermark, self.clock)
            build_attribution_day(self.warehouse, ruleset, day, watermark, self.clock)
            # Identities that were joined touched these days; now they are built from all of it.
            mark_built(self.warehouse, MARTS, day, watermark, self.clock.now_ms())
        for number in range(days):
            day = START + timedelta(days=number)
            count_publishers(self.warehouse, ruleset, day, watermark, self.clock)
            freeze_baseline(self.warehouse, ruleset, day, watermark, self.clock)
            judge_day(self.warehouse, ruleset, day, watermark, self.clock)
            build_credit_day(self.warehouse, INSTALLS, day, watermark, self.clock)


def score_all(users: Mapping[str, int], seeds: list[int], days: int) -> list[Scorecard]:
    """Play, send, land, decide and score one market per seed and shape of so many people."""
    names = {(name, seed): f"{name}_{seed}" for name in users for seed in seeds}
    with tempfile.TemporaryDirectory(
        prefix="unmogrowp-scorecard-", ignore_cleanup_errors=True
    ) as temporary:
        folder = Path(temporary)
        house = House(list(names.values()), str(folder / "engine"))
        began = time.monotonic()

        def say(text: str) -> None:
            sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {text}\n")

        for (name, seed), app_id in names.items():
            played = play(shape(name), users=users[name], days=days, start_ms=START_MS, seed=seed)
            manifest = write_market(played, folder / app_id).manifest
            refused = house.send(folder / app_id, app_id)
            say(f"{app_id}: {manifest['counts']['requests']:,} requests, {refused} refused")
        house.land(START_MS + days * DAY_MS)
        say("landed")
        house.decide(RULESET, days)
        say("decided")
        cards = [
            score_market(house.warehouse, folder / app_id, app_id) for app_id in names.values()
        ]
        say("scored")
        house.warehouse.close()
    return cards


def _write_plots(cards: list[Scorecard], folder: Path) -> dict[str, list[str]]:
    """Write pictures of each shape into a folder; return their addresses from beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    addresses: dict[str, list[str]] = {}
    for name, group in by_shape(cards).items():
        attribution = pool([card.attribution for card in group])
        pictures = {
            "attribution": share_plot(attribution, "Attribution"),
            "rules": share_plot(pool([card.rules for card in group]), "Fraud rules"),
            **{
                f"models_{number}": bias_plot(credit, plotted_models(credit))
                for number, credit in enumerate(group[0].credit, 1)
            },
        }
        for kind, picture in pictures.items():
            if picture:
                (folder / f"{name}_{kind}.svg").write_text(standalone(picture), encoding="utf-8")
                addresses.setdefault(name, []).append(f"{folder.name}/{name}_{kind}.svg")
    return addresses


def _unusual(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Iterator[str]:
    """Give the options that make the page another one than by default."""
    for name in ("shapes", "seeds", "users", "days"):
        found = getattr(options, name)
        if found != parser.get_default(name):
            yield f"--{name} {' '.join(map(str, found)) if isinstance(found, list) else found}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench scorecard")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--users", type=int, help="people of every market; by default as in USERS")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--markdown", type=Path, default=Path("docs/scorecard.md"))
    parser.add_argument("--html", type=Path)
    options = parser.parse_args()
    users = {name: options.users or USERS[name] for name in options.shapes}
    cards = score_all(users, options.seeds, options.days)
    command = " ".join(["scripts/bench scorecard", *_unusual(parser, options)])
    plots = _write_plots(cards, options.markdown.with_suffix(""))
    options.markdown.write_text(render_markdown(cards, command, plots, REMARK), encoding="utf-8")
    if options.html:
        options.html.write_text(render_html(cards, REMARK), encoding="utf-8")


if __name__ == "__main__":
    main()

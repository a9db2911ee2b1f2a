"""Writes docs/explained_installs.md and docs/whatif.md: a month of a made-up market, decided.

The market is played, sent through the collector's application, landed and decided in this process
(`benchmarks.scorecard.House`), each request at its own time; so the same seed gives the same pages,
to the millisecond. Nothing is measured but what comes out.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from benchmarks.explained_page import render_explained, story_of
from benchmarks.scorecard import START, START_MS, House
from benchmarks.whatif_page import render_whatif
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.content import content_of
from unmogrowp.attribution.events import build_events_day
from unmogrowp.attribution.whatif import try_ruleset
from unmogrowp.attribution.whatif_plot import plot_whatif
from unmogrowp.errors import PermanentError
from unmogrowp.identity.build import Stitcher
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.rulesets.assignment import decided_spans
from unmogrowp.simulator.folder import write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.shapes import shape

APP_ID = "runner"
DAYS = 30
DAY_MS = 86_400_000
BASE, TRIAL = PRESETS["appsflyer_like"], PRESETS["adjust_like"]
PAID_PER_INSTALL = {"bargain_clicks": 1.4, "volume_house": 1.1, "mosaic_display": 1.8}


@dataclass(frozen=True, slots=True)
class Month:
    """A decided month, and the truth about its installs by the message id of their event."""

    house: House
    days: list[date]
    truth: dict[str, dict[str, object]]
    command: str


def market_of_examples() -> Market:
    """Return the launch market with more people who come back, and networks paid per install."""
    launch = shape("fraud_heavy_launch")
    networks = [
        one.model_copy(
            update={
                "cost_per_install": PAID_PER_INSTALL.get(one.media_source, 0.0),
                "reminder_share": 0.4 if one.retargeting_campaign else 0.0,
            }
        )
        for one in launch.networks
    ]
    behaviour = launch.behaviour.model_copy(update={"reinstall_share": 0.10})
    return launch.model_copy(update={"networks": tuple(networks), "behaviour": behaviour})


@contextmanager
def decided_month(users: int, seed: int) -> Iterator[Month]:
    """Play a month and decide all of it under the ruleset that counts."""
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {text}\n")

    with tempfile.TemporaryDirectory(prefix="unmogrowp-examples-") as name:
        folder = Path(name)
        house = House([APP_ID], str(folder / "engine"))
        played = play(market_of_examples(), users=users, days=DAYS, start_ms=START_MS, seed=seed)
        written = write_market(played, folder / "market")
        refused = house.send(folder / "market", APP_ID)
        say(f"{written.manifest['counts']['requests']:,} requests sent, {refused} refused")
        house.land(START_MS + DAYS * DAY_MS)
        watermark = Ledger(house.warehouse).watermark()
        Stitcher(house.warehouse, house.clock).stitch(watermark)
        say("landed")
        days = [START + timedelta(days=number) for number in range(DAYS)]
        for day in days:
            build_installs_day(house.warehouse, day, watermark, house.clock)
            build_attribution_day(house.warehouse, OURS, day, watermark, house.clock)
        for day in days:
            build_events_day(house.warehouse, OURS, day, watermark, house.clock)
        say(f"decided under {OURS.ruleset_id}")
        truth = pl.read_parquet(folder / "market" / "truth" / "installs.parquet")
        command = f"scripts/bench examples --users {users} --seed {seed}"
        try:
            rows = {str(one["message_id"]): one for one in truth.iter_rows(named=True)}
            yield Month(house, days, rows, command)
        finally:
            house.warehouse.close()
            say("done")


def write_explained(month: Month, file: Path) -> None:
    """Write the page with ten installs."""
    stories = story_of(month.house.warehouse, month.truth)
    file.write_text(render_explained(stories, month.command), encoding="utf-8")


def write_whatif(month: Month, file: Path) -> None:
    """Write page and picture of what moves between two rulesets of which neither counts."""
    warehouse, days = month.house.warehouse, month.days
    watermark = Ledger(warehouse).watermark()
    before = content_of(warehouse, decided_spans(()), days[0], days[-1])
    found = try_ruleset(warehouse, BASE, TRIAL, days, watermark, month.house.clock)
    after = content_of(warehouse, decided_spans(()), days[0], days[-1])
    if before != after:
        raise PermanentError("a trial changed what counts")
    plot_whatif(found, file.with_suffix(".png"))
    page = render_whatif(found, before, after, month.command)
    file.write_text(page, encoding="utf-8")


def main() -> None:
    """Write both pages."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench examples")
    parser.add_argument("--users", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    with decided_month(options.users, options.seed) as month:
        write_explained(month, options.out / "explained_installs.md")
        write_whatif(month, options.out / "whatif.md")


if __name__ == "__main__":
    main()

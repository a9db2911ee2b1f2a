"""A market that was sent through the real collector, landed and decided."""

from collections import Counter

import polars as pl

from tests.fakes.collector import FakeCollector
from tests.fakes.landing import House
from tests.fakes.simulated import START, collect
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.openings import build_openings_day
from unmogrowp.clock import utc
from unmogrowp.rulesets import OURS
from unmogrowp.simulator.folder import write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.shapes import shape

DAYS = 3
DAY_MS = 86_400_000


def busy(**intensities):
    """Return a market where much happens in three days; sites cheat as much as is said here."""
    market = shape("fraud_heavy_launch")
    behaviour = market.behaviour.model_copy(
        update={"exposures_per_person_day": 1.2, "organic_installs_per_person_day": 0.02}
    )
    networks = tuple(
        network.model_copy(
            update={
                "publishers": tuple(
                    site.model_copy(
                        update={"intensity": intensities.get(site.site_id, site.intensity)}
                    )
                    for site in network.publishers
                )
            }
        )
        for network in market.networks
    )
    return market.model_copy(update={"behaviour": behaviour, "networks": networks})


class Landed:
    """A market, sent at its own times, landed, and decided from one of its days on."""

    def __init__(self, folder, market, days=DAYS, users=700, ruleset=OURS, since=0):
        self.folder = folder
        one = play(market, users=users, days=days, start_ms=START, seed=3)
        self.manifest = write_market(one, folder).manifest
        self.truth = {
            name: pl.read_parquet(folder / f"truth/{name}.parquet")
            for name in ("installs", "touches", "reengagements")
        }
        self.house = House()
        self.collector = FakeCollector(stream=self.house.stream)
        self.statuses = Counter(collect(folder, self.collector))
        self.house.clock.ms = START + days * DAY_MS
        self.house.land()
        warehouse = self.house.warehouse
        for day in range(since, days):
            on = utc(START + day * DAY_MS).date()
            build_installs_day(warehouse, on, 10**9, self.house.clock)
            if ruleset.reengagement.is_on:
                build_openings_day(warehouse, on, 10**9, self.house.clock)
            build_attribution_day(warehouse, ruleset, on, 10**9, self.house.clock)

    def frame(self, sql):
        return self.house.warehouse.frame(sql)

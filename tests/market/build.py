"""Runs a market through the marts and reads back what came out, in the oracle's terms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.market.model import Event, Touch, insert_events, insert_touches
from tests.market.oracle import (
    Candidate,
    Install,
    candidates_of,
    installs_of,
    is_reinstall,
    order_of,
)
from tests.market.reengagement_oracle import Opening, openings_of, reengagements_of
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.openings import build_openings_day
from unmogrowp.clock import utc
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.warehouse.client import Warehouse


class StillClock:
    """A clock that stands."""

    def now_ms(self) -> int:
        return 1_800_000_000_000


@dataclass(frozen=True)
class Market:
    events: tuple[Event, ...] = ()
    touches: tuple[Touch, ...] = ()


def load(warehouse: Warehouse, markets: Iterable[Market]) -> None:
    """Append the rows of markets to the clean layer."""
    markets = list(markets)
    insert_events(warehouse, [event for market in markets for event in market.events])
    insert_touches(warehouse, [touch for market in markets for touch in market.touches])


def days_of(markets: Iterable[Market]) -> list[date]:
    """Return every day an install of these markets can lie on."""
    return sorted({utc(event.occurred_at).date() for one in markets for event in one.events})


def build_days(
    warehouse: Warehouse, days: Sequence[date], ruleset: Ruleset = OURS, watermark: int = 1
) -> None:
    """Build installs, candidates and decisions of some days."""
    for day in days:
        build_installs_day(warehouse, day, watermark, StillClock())
        if ruleset.reengagement.is_on:
            build_openings_day(warehouse, day, watermark, StillClock())
        build_attribution_day(warehouse, ruleset, day, watermark, StillClock())


def build_installs(warehouse: Warehouse, days: Sequence[date], watermark: int = 1) -> None:
    """Build the installs and openings of some days."""
    for day in days:
        build_installs_day(warehouse, day, watermark, StillClock())
        build_openings_day(warehouse, day, watermark, StillClock())


def decide_days(
    warehouse: Warehouse, days: Sequence[date], ruleset: Ruleset, watermark: int = 1
) -> None:
    """Decide some days whose installs are built."""
    for day in days:
        build_attribution_day(warehouse, ruleset, day, watermark, StillClock())


def expected_rows(market: Market, ruleset: Ruleset = OURS) -> dict[str, list[dict[str, Any]]]:
    """Return what the oracle says the marts hold for a market."""
    installs = installs_of(market.events)
    openings = openings_of(market.events)
    reengaged = reengagements_of(openings, market.touches, ruleset)
    candidates = [*candidates_of(installs, market.touches, ruleset), *reengaged]
    conversions = [*installs, *{id(one.install): one.install for one in reengaged}.values()]
    return {
        "installs": sorted((_install_row(one) for one in installs), key=_sort_key),
        "openings": sorted((_opening_row(one) for one in openings), key=_sort_key),
        "candidates": sorted((_candidate_row(one) for one in candidates), key=_sort_key),
        "decisions": sorted(
            (
                _decision_row(one, [each for each in candidates if each.install is one], ruleset)
                for one in conversions
            ),
            key=_sort_key,
        ),
    }


def actual_rows(
    warehouse: Warehouse, ruleset: Ruleset = OURS
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what the marts hold, per app, reduced to what the oracle knows."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name, sql in _QUERIES.items():
        for row in warehouse.records(sql, {"ruleset_id": ruleset.ruleset_id}):
            app = found.setdefault(row.pop("app_id"), {table: [] for table in _QUERIES})
            app[name].append(_plain(row))
    for tables in found.values():
        for rows in tables.values():
            rows.sort(key=_sort_key)
    return found


_QUERIES = {
    "installs": """
        SELECT app_id, install_id, device_key, ordinal,
               toUnixTimestamp64Milli(installed_at) AS installed_at, install_kind,
               previous_install_id, since_previous_ms, is_implied, platform, click_id,
               referrer_media_source, referrer_campaign,
               toUnixTimestamp64Milli(referrer_click_at) AS referrer_click_at,
               is_referrer_time_assumed,
               toUnixTimestamp64Milli(install_begin_at) AS install_begin_at, source_message_id
        FROM mart.installs""",
    "openings": """
        SELECT app_id, conversion_id, install_id, device_key,
               toUnixTimestamp64Milli(opened_at) AS opened_at,
               toUnixTimestamp64Milli(installed_at) AS installed_at, inactive_ms, event_name,
               platform, click_id, source_message_id
        FROM mart.openings""",
    "candidates": """
        SELECT app_id, install_id, touch_id, touch_type, media_source, campaign,
               toUnixTimestamp64Milli(touch_at) AS touch_at, is_time_assumed, age_ms, match_type,
               matched_on, window_ms, is_in_window, tier, rank, verdict, reason, is_retargeting,
               arrayMap(v -> (v.rule, v.mode, v.value, v.threshold), fraud_verdicts)
                   AS fraud_verdicts,
               conversion_id
        FROM mart.attribution_candidates
        WHERE ruleset_id = {ruleset_id:String}""",
    "decisions": """
        SELECT app_id, conversion_id, install_id, device_key,
               toUnixTimestamp64Milli(installed_at) AS installed_at, conversion_kind,
               is_organic, organic_reason, media_source, campaign, touch_id, touch_type,
               toUnixTimestamp64Milli(touch_at) AS touch_at,
               match_type, ctit_ms, window_ms, candidate_count, eligible_count,
               arrayMap(one -> one.1, assists) AS assists
        FROM mart.attributed_installs
        WHERE ruleset_id = {ruleset_id:String}""",
}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value)
        if isinstance(value, list)
        else bool(value)
        if key.startswith("is_")
        else value
        for key, value in row.items()
    }


def _sort_key(row: dict[str, Any]) -> tuple[str, str]:
    return str(row.get("conversion_id", row["install_id"])), str(row.get("touch_id", ""))


def _install_row(one: Install) -> dict[str, Any]:
    return {
        "install_id": one.install_id,
        "device_key": one.event.device_key,
        "ordinal": one.ordinal,
        "installed_at": one.installed_at,
        "install_kind": "install" if one.ordinal == 1 else "reinstall",
        "previous_install_id": "" if one.ordinal == 1 else one.id_of(one.ordinal - 1),
        "since_previous_ms": None
        if one.previous_at is None
        else one.installed_at - one.previous_at,
        "is_implied": one.is_implied,
        "platform": one.event.platform,
        "click_id": one.click_id,
        "referrer_media_source": one.paid_source,
        "referrer_campaign": one.paid_campaign,
        "referrer_click_at": one.referrer_click_at,
        "is_referrer_time_assumed": bool(one.paid_source) and one.referrer_click_at is None,
        "install_begin_at": one.install_begin_at,
        "source_message_id": one.event.message_id,
    }


def _opening_row(one: Opening) -> dict[str, Any]:
    return {
        "conversion_id": one.conversion_id,
        "install_id": one.install_id,
        "device_key": one.event.device_key,
        "opened_at": one.event.occurred_at,
        "installed_at": one.touches_after,
        "inactive_ms": one.inactive_ms,
        "event_name": one.event.event_name,
        "platform": one.event.platform,
        "click_id": one.click_id,
        "source_message_id": one.event.message_id,
    }


def _candidate_row(one: Candidate) -> dict[str, Any]:
    return {
        "install_id": one.install.install_id,
        "touch_id": one.touch.touch_id,
        "touch_type": one.touch.touch_type,
        "media_source": one.touch.media_source,
        "campaign": one.touch.campaign,
        "touch_at": one.touch.touch_at,
        "is_time_assumed": one.is_time_assumed,
        "age_ms": one.age_ms,
        "match_type": one.match_type,
        "matched_on": one.matched_on,
        "window_ms": one.window_ms,
        "is_in_window": one.is_in_window,
        "tier": one.tier,
        "rank": one.rank,
        "verdict": one.verdict,
        "reason": one.reason,
        "is_retargeting": one.touch.is_retargeting,
        "fraud_verdicts": one.fraud_verdicts,
        "conversion_id": one.install.conversion_id,
    }


def _decision_row(
    install: Install, considered: list[Candidate], ruleset: Ruleset
) -> dict[str, Any]:
    ordered = sorted(considered, key=lambda one: order_of(one, ruleset))
    eligible = [one for one in ordered if one.rank > 0]
    refused = [one for one in ordered if one.rank == 0]
    kind = "re_engagement" if isinstance(install, Opening) else "install"
    if is_reinstall(install, ruleset):
        is_retargeted = bool(eligible) and eligible[0].touch.is_retargeting
        kind = "re_attribution" if is_retargeted else "reinstall"
    row: dict[str, Any] = {
        "conversion_id": install.conversion_id,
        "install_id": install.install_id,
        "device_key": install.event.device_key,
        "installed_at": install.installed_at,
        "conversion_kind": kind,
        "is_organic": not eligible,
        "organic_reason": "",
        "media_source": "organic",
        "campaign": "",
        "touch_id": "",
        "touch_type": "",
        "touch_at": None,
        "match_type": "",
        "ctit_ms": None,
        "window_ms": None,
        "candidate_count": len(considered),
        "eligible_count": len(eligible),
        "assists": tuple(one.touch.touch_id for one in eligible[1:21]),
    }
    if not eligible:
        row["organic_reason"] = refused[0].reason if refused else "no_touch"
        return row
    won = eligible[0]
    return row | {
        "media_source": won.touch.media_source,
        "campaign": won.touch.campaign,
        "touch_id": won.touch.touch_id,
        "touch_type": won.touch.touch_type,
        "touch_at": won.touch.touch_at,
        "match_type": won.match_type,
        "ctit_ms": None if won.is_time_assumed else won.age_ms,
        "window_ms": won.window_ms,
    }

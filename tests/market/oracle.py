"""Installs, candidates and decisions worked out slowly, in plain Python, from the contract.

Written from the words of docs/contracts.md and not from the SQL: it walks through every pair of
touch and install. Tests hold the SQL against it.
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from tests.market.model import DAY, HOUR, INSTALLED, Event, Touch
from unmogrowp.rulesets import MatchMethod, Ruleset, TouchType

MOBILE = ("ios", "android")
NOT_PAID = ("", "google-play", "(not set)", "(direct)")
MACRO = re.compile(r"\$?\{.*\}|\[.*\]|%.*%|__.*__")


@dataclass(frozen=True)
class Install:
    event: Event
    ordinal: int
    is_implied: bool
    previous_at: int | None
    click_id: str
    paid_source: str
    paid_campaign: str
    referrer_click_at: int | None
    install_begin_at: int | None

    @property
    def app_id(self) -> str:
        return self.event.app_id

    @property
    def installed_at(self) -> int:
        return self.event.occurred_at

    @property
    def install_id(self) -> str:
        return self.id_of(self.ordinal)

    def id_of(self, ordinal: int) -> str:
        return digest(self.app_id, self.event.device_key, str(ordinal))


@dataclass(frozen=True)
class Candidate:
    install: Install
    touch: Touch
    match_type: str
    matched_on: tuple[str, ...]
    window_ms: int
    tier: int
    age_ms: int
    is_time_assumed: bool = False
    rank: int = 0
    verdict: str = "refused"
    reason: str = ""

    @property
    def is_in_window(self) -> bool:
        return 0 <= self.age_ms <= self.window_ms


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


# --- installs


def installs_of(events: Iterable[Event]) -> list[Install]:
    devices: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        devices[event.app_id, event.device_key].append(event)
    found: list[Install] = []
    for (_, device_key), of_device in sorted(devices.items()):
        found += _installs_of_device(device_key, of_device)
    return found


def _installs_of_device(device_key: str, events: list[Event]) -> list[Install]:
    # Of rows that are copies of one message at one instant, the first received speaks.
    by_instant: dict[tuple[int, str, bool], Event] = {}
    for event in sorted(events, key=lambda one: (one.received, one.offset)):
        by_instant.setdefault(
            (event.occurred_at, event.message_id, event.event_name == INSTALLED), event
        )
    ordered = [event for _, event in sorted(by_instant.items(), key=lambda item: item[0])]
    explicit = [event for event in ordered if event.event_name == INSTALLED]
    others = [
        event
        for event in ordered
        if event.event_name != INSTALLED
        and event.platform in MOBILE
        and not device_key.startswith("message:")
    ]
    kept: list[tuple[Event, bool]] = []
    for event in explicit:
        if not kept or event.occurred_at - kept[-1][0].occurred_at > HOUR:
            kept.append((event, False))
    if others:
        first = others[0]
        replaced = any(one.occurred_at <= first.occurred_at + HOUR for one in explicit)
        if not replaced:
            kept.insert(0, (first, True))
    return [
        _install(event, number, is_implied, kept[number - 2][0].occurred_at if number > 1 else None)
        for number, (event, is_implied) in enumerate(kept, start=1)
    ]


def _install(event: Event, ordinal: int, is_implied: bool, previous_at: int | None) -> Install:
    given = event.properties.get("install_referrer")
    clocks = given if isinstance(given, dict) else {}
    query = clocks.get("install_referrer") if isinstance(given, dict) else given
    values = parse_referrer(text_of(query))
    gclid = usable(values.get("gclid", ""))
    source = values.get("utm_source", "").strip(" ")
    medium = values.get("utm_medium", "").strip(" ").lower()
    paid = ""
    if source.lower() not in NOT_PAID and medium != "organic":
        paid = source
    elif gclid:
        paid = "google_ads"
    click_ids = (
        usable(text_of(event.properties.get("click_id"))),
        usable(values.get("click_id", "")),
        usable(values.get("clickid", "")),
        usable(values.get("unmogrowp_click_id", "")),
        gclid,
        usable(text_of(_nested(event.context, "campaign", "click_id"))),
        usable(text_of(_nested(event.context, "referrer", "id"))),
    )
    return Install(
        event=event,
        ordinal=ordinal,
        is_implied=is_implied,
        previous_at=previous_at,
        click_id=next((one for one in click_ids if one), ""),
        paid_source=paid,
        paid_campaign=values.get("utm_campaign", "") if paid else "",
        referrer_click_at=_clock(clocks, "referrer_click", event.clock_skew_ms),
        install_begin_at=_clock(clocks, "install_begin", event.clock_skew_ms),
    )


def usable(click_id: str) -> str:
    trimmed = click_id.strip(" ")
    if trimmed.lower() in ("", "0", "null", "none", "undefined") or MACRO.fullmatch(trimmed):
        return ""
    return trimmed


def text_of(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def parse_referrer(text: str) -> dict[str, str]:
    if "=" not in text and "%3d" in text.lower():
        text = unquote(text)
    text = re.sub(r"^\s*\?", "", text)
    values: dict[str, str] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        values.setdefault(unquote_plus(name), unquote_plus(value))
    return values


def _nested(outer: dict[str, Any], name: str, key: str) -> Any:
    inner = outer.get(name)
    return inner.get(key) if isinstance(inner, dict) else None


def _clock(clocks: dict[str, Any], name: str, skew_ms: int) -> int | None:
    server = _seconds(clocks.get(f"{name}_timestamp_server_seconds"))
    if server:
        return server * 1000
    client = _seconds(clocks.get(f"{name}_timestamp_seconds"))
    if client and client * 1000 + skew_ms > 0:
        return client * 1000 + skew_ms
    return None


def _seconds(value: Any) -> int:
    try:
        number = float(text_of(value))
    except ValueError:
        return 0
    return math.floor(number) if 1 <= number < 1e10 else 0


# --- candidates and decisions


def candidates_of(
    installs: Iterable[Install], touches: Iterable[Touch], ruleset: Ruleset
) -> list[Candidate]:
    first_copies: dict[tuple[str, str], Touch] = {}
    for touch in sorted(touches, key=lambda one: (one.received, one.offset)):
        first_copies.setdefault((touch.app_id, touch.touch_id), touch)
    found: list[Candidate] = []
    for install in installs:
        considered = [
            candidate
            for touch in first_copies.values()
            if (candidate := _consider(install, touch, ruleset)) is not None
        ]
        has_landed_click = any(
            touch.app_id == install.app_id
            and touch.touch_type == "click"
            and touch.click_id not in ("", "0")
            and touch.click_id == install.click_id
            and _is_in_reach(install.installed_at - touch.touch_at, ruleset)
            for touch in first_copies.values()
        )
        if install.paid_source and not has_landed_click:
            made = _made_from_referrer(install, ruleset)
            considered += [made] if made is not None else []
        found += _rank(considered, ruleset)
    return found


def _is_in_reach(age_ms: int, ruleset: Ruleset) -> bool:
    longest = max(rule.window_ms for rule in ruleset.rules)
    return -DAY <= age_ms <= longest + DAY


def matches(install: Install, touch: Touch) -> tuple[str, ...]:
    event = install.event
    vendor = {event.idfv, event.device_id}
    android = {event.android_id, event.device_id}
    equal = (
        ("click_id", touch.click_id == install.click_id and touch.click_id),
        ("idfa", touch.idfa == event.idfa and touch.idfa),
        ("idfv", touch.idfv in vendor and touch.idfv),
        ("gaid", touch.gaid == event.gaid and touch.gaid),
        ("android_id", touch.android_id in android and touch.android_id),
        ("user_id", touch.user_id == event.user_id and touch.user_id),
    )
    return tuple(
        name
        for name, value in equal
        if value and (value != "0" if name == "click_id" else value.strip("0-"))
    )


def _consider(install: Install, touch: Touch, ruleset: Ruleset) -> Candidate | None:
    if touch.app_id != install.app_id:
        return None
    age_ms = install.installed_at - touch.touch_at
    matched_on = matches(install, touch)
    has_user_rule = any(rule.method == MatchMethod.USER_ID for rule in ruleset.rules)
    if not has_user_rule:
        matched_on = tuple(name for name in matched_on if name != "user_id")
    if not matched_on or not _is_in_reach(age_ms, ruleset):
        return None
    methods = {
        MatchMethod.CLICK_ID: "click_id" in matched_on,
        MatchMethod.DEVICE_ID: bool({"idfa", "idfv", "gaid", "android_id"} & set(matched_on)),
        MatchMethod.USER_ID: "user_id" in matched_on,
        MatchMethod.REFERRER: False,
    }
    rules = [
        rule
        for method in ruleset.method_order
        if methods[method]
        and (rule := ruleset.rule(TouchType(touch.touch_type), method)) is not None
    ]
    if not rules:
        return None
    rule = next((one for one in rules if 0 <= age_ms <= one.window_ms), rules[0])
    return Candidate(
        install, touch, rule.method.value, matched_on, rule.window_ms, rule.tier, age_ms
    )


def _made_from_referrer(install: Install, ruleset: Ruleset) -> Candidate | None:
    rule = ruleset.rule(TouchType.CLICK, MatchMethod.REFERRER)
    is_assumed = install.referrer_click_at is None
    touch_at = install.installed_at if is_assumed else install.referrer_click_at
    assert touch_at is not None
    age_ms = install.installed_at - touch_at
    if rule is None or not _is_in_reach(age_ms, ruleset):
        return None
    touch = Touch(
        app_id=install.app_id,
        touch_id=digest(install.app_id, "referrer", install.event.message_id),
        touch_type="click",
        media_source=install.paid_source,
        campaign=install.paid_campaign,
        touch_at=touch_at,
    )
    return Candidate(
        install,
        touch,
        "referrer",
        ("install_referrer",),
        rule.window_ms,
        rule.tier,
        age_ms,
        is_assumed,
    )


def _place(candidate: Candidate, ruleset: Ruleset) -> int:
    return ruleset.method_order.index(MatchMethod(candidate.match_type))


def order_of(candidate: Candidate, ruleset: Ruleset) -> tuple[Any, ...]:
    return (
        candidate.tier,
        -candidate.touch.touch_at,
        _place(candidate, ruleset),
        candidate.touch.touch_id,
    )


def _rank(considered: list[Candidate], ruleset: Ruleset) -> list[Candidate]:
    ordered = sorted(considered, key=lambda one: order_of(one, ruleset))
    eligible = [one for one in ordered if one.is_in_window]
    ranked = []
    for one in ordered:
        fields = dict(one.__dict__)
        if one.age_ms < 0:
            fields.update(reason="after_install")
        elif not one.is_in_window:
            fields.update(reason="outside_window")
        else:
            rank = eligible.index(one) + 1
            fields.update(
                rank=rank,
                verdict="won" if rank == 1 else "lost",
                reason=_why_lost(one, eligible[0], ruleset) if rank > 1 else "",
            )
        ranked.append(Candidate(**fields))
    return ranked


def _why_lost(one: Candidate, winner: Candidate, ruleset: Ruleset) -> str:
    if one.tier > winner.tier:
        return "lower_tier"
    if one.touch.touch_at < winner.touch.touch_at:
        return "earlier_touch"
    if _place(one, ruleset) > _place(winner, ruleset):
        return "weaker_match"
    return "touch_id_order"

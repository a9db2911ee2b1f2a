"""Installs, candidates and decisions worked out slowly, in plain Python, from the contract.

Written from the words of docs/contracts.md and not from the SQL: it walks through every pair of
touch and install. Tests hold the SQL against it.
"""

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, unquote_plus

from tests.market.model import DAY, HOUR, INSTALLED, SECOND, Event, Touch
from tests.market.suspicions import suspicions_of
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

    @property
    def conversion_id(self) -> str:
        return self.install_id

    def id_of(self, ordinal: int) -> str:
        return digest(self.app_id, self.event.device_key, str(ordinal))


Verdict = tuple[str, str, float, float]


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
    fraud_verdicts: tuple[Verdict, ...] = ()
    refusal: str = ""
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
        usable(text_of(nested(event.context, "campaign", "click_id"))),
        usable(text_of(nested(event.context, "referrer", "id"))),
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


def nested(outer: dict[str, Any], name: str, key: str) -> Any:
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
    copies = first_copies_of(touches)
    installs = list(installs)
    found: list[Candidate] = []
    for install in installs:
        neighbours = [
            one
            for one in installs
            if one.app_id == install.app_id
            and one.event.ip_hash == install.event.ip_hash
            and one.installed_at // DAY == install.installed_at // DAY
        ]
        is_crowd = len(neighbours) > ruleset.probabilistic.max_installs_per_address
        considered = [
            candidate
            for touch in copies
            if (candidate := consider(install, touch, ruleset, is_crowd)) is not None
        ]
        has_landed_click = any(
            touch.app_id == install.app_id
            and touch.touch_type == "click"
            and touch.click_id not in ("", "0")
            and touch.click_id == install.click_id
            and _is_in_reach(install.installed_at - touch.touch_at, ruleset)
            for touch in copies
        )
        if install.paid_source and not has_landed_click:
            made = _made_from_referrer(install, ruleset)
            considered += [made] if made is not None else []
        said = suspicions_of(considered, ruleset)
        found += rank([_judged(one, ruleset, said) for one in considered], ruleset)
    return found


def first_copies_of(touches: Iterable[Touch]) -> list[Touch]:
    """Return each touch once: of copies, the first received speaks."""
    first_copies: dict[tuple[str, str], Touch] = {}
    for touch in sorted(touches, key=lambda one: (one.received, one.offset)):
        first_copies.setdefault((touch.app_id, touch.touch_id), touch)
    return list(first_copies.values())


def _is_in_reach(age_ms: int, ruleset: Ruleset) -> bool:
    given = [one.window_ms for one in ruleset.rules] + [one.window_ms for one in ruleset.overrides]
    longest = max(one for one in given if one is not None)
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


def system_of(agent: str) -> str:
    if re.search("iPhone|iPad|iPod|CFNetwork", agent):
        return "ios"
    return "android" if "Android" in agent else ""


def version_of(agent: str) -> str:
    found = re.search("(?:Android |iPhone OS |CPU OS )([0-9]+)", agent)
    return "" if found is None or "Android 10; K)" in agent else found[1]


def likeness(install: Install, touch: Touch, ruleset: Ruleset, is_crowd: bool) -> tuple[str, ...]:
    """Return what makes a touch look like the same person, or nothing."""
    event = install.event
    device = event.context.get("device")
    allowed = isinstance(device, dict) and device.get("adTrackingEnabled") in (True, "true", "1", 1)
    if event.platform not in ("ios", "android") or (event.platform == "ios" and not allowed):
        return ()
    if is_crowd or not touch.ip_hash or touch.ip_hash != event.ip_hash:
        return ()
    has_id = any(
        value.strip("0-") for value in (touch.idfa, touch.idfv, touch.gaid, touch.android_id)
    )
    if has_id and not ruleset.probabilistic.uses_touches_with_device_id:
        return ()
    if system_of(touch.user_agent) != event.platform:
        return ()
    digits = re.search("[0-9]+", event.os_version)
    mine = digits[0] if digits else version_of(event.user_agent)
    theirs = version_of(touch.user_agent)
    if mine and theirs:
        return ("ip_hash", "os", "os_version") if mine == theirs else ()
    return ("ip_hash", "os")


def consider(install: Install, touch: Touch, ruleset: Ruleset, is_crowd: bool) -> Candidate | None:
    """Return the touch as a candidate by its best method; None where it matches in none."""
    if touch.app_id != install.app_id:
        return None
    age_ms = install.installed_at - touch.touch_at
    if not _is_in_reach(age_ms, ruleset):
        return None
    rules = {
        method: rule
        for method in ruleset.method_order
        if (rule := ruleset.rule(TouchType(touch.touch_type), method)) is not None
    }
    has_user_rule = any(rule.method == MatchMethod.USER_ID for rule in ruleset.rules)
    matched_on = tuple(
        name for name in matches(install, touch) if name != "user_id" or has_user_rule
    )
    like = (
        likeness(install, touch, ruleset, is_crowd)
        if ruleset.uses(MatchMethod.PROBABILISTIC)
        else ()
    )
    ways = {
        MatchMethod.CLICK_ID: "click_id" in matched_on,
        MatchMethod.DEVICE_ID: bool({"idfa", "idfv", "gaid", "android_id"} & set(matched_on)),
        MatchMethod.USER_ID: "user_id" in matched_on,
        MatchMethod.PROBABILISTIC: bool(like),
    }
    windows = {
        method: ruleset.window_of(rule, touch.app_id, touch.media_source, touch.campaign)
        for method, rule in rules.items()
        if ways.get(method)
    }

    def is_in(method: MatchMethod) -> bool:
        window_ms = windows[method]
        return window_ms is not None and 0 <= age_ms <= window_ms

    usable = [m for m in windows if m != MatchMethod.PROBABILISTIC or is_in(m)]
    if not usable:
        return None
    method = next((one for one in usable if is_in(one)), usable[0])
    window_ms = windows[method]
    return Candidate(
        install,
        touch,
        method.value,
        matched_on + like,
        -1 if window_ms is None else window_ms,
        rules[method].tier,
        age_ms,
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
    window_ms = ruleset.window_of(rule, touch.app_id, touch.media_source, touch.campaign)
    return Candidate(
        install,
        touch,
        "referrer",
        ("install_referrer",),
        -1 if window_ms is None else window_ms,
        rule.tier,
        age_ms,
        is_assumed,
    )


def is_reinstall(install: Install, ruleset: Ruleset) -> bool:
    """Return whether the device came back too soon to be a new install."""
    return (
        install.previous_at is not None
        and install.installed_at - install.previous_at <= ruleset.reinstalls.window_ms
    )


def _judged(
    one: Candidate, ruleset: Ruleset, suspicions: dict[str, tuple[Verdict, ...]]
) -> Candidate:
    verdicts = _verdicts(one, ruleset) + suspicions.get(one.touch.touch_id, ())
    kind = ruleset.reinstalls.eligible_touches if is_reinstall(one.install, ruleset) else "any"
    blocking = next((rule for rule, mode, _, _ in verdicts if mode == "block"), "")
    if one.age_ms < 0:
        refusal = "after_install"
    elif one.window_ms < 0:
        refusal = "method_off"
    elif not one.is_in_window:
        refusal = "outside_window"
    elif kind == "none":
        refusal = "reinstall"
    elif kind == "retargeting" and not one.touch.is_retargeting:
        refusal = "not_retargeting"
    else:
        refusal = f"fraud_blocked:{blocking}" if blocking else ""
    return replace(one, fraud_verdicts=verdicts, refusal=refusal)


def _verdicts(one: Candidate, ruleset: Ruleset) -> tuple[Verdict, ...]:
    if one.touch.touch_type != "click" or one.is_time_assumed or one.age_ms < 0:
        return ()
    found: list[Verdict] = []
    begin = one.install.install_begin_at
    for rule_id in ("click_injection.ctit_short", "click_injection.after_begin"):
        for mode in ("block", "flag", "shadow"):
            for rule in ruleset.fraud:
                if (rule.rule_id, rule.mode) != (rule_id, mode):
                    continue
                given = rule.parameters
                if rule_id.endswith("ctit_short"):
                    limit = float(given.get("min_ctit_ms", SECOND))
                    if one.age_ms < limit:
                        found.append((rule_id, mode, float(one.age_ms), limit))
                elif begin is not None:
                    late = float(one.touch.touch_at - begin)
                    limit = float(given.get("min_after_begin_ms", 0))
                    limit += 0 if one.match_type == "referrer" else SECOND
                    found += [(rule_id, mode, late, limit)] if late >= limit else []
    return tuple(found)


def _place(candidate: Candidate, ruleset: Ruleset) -> int:
    return ruleset.method_order.index(MatchMethod(candidate.match_type))


def order_of(candidate: Candidate, ruleset: Ruleset) -> tuple[Any, ...]:
    return (
        candidate.tier,
        -candidate.touch.touch_at,
        _place(candidate, ruleset),
        candidate.touch.touch_id,
    )


def rank(considered: list[Candidate], ruleset: Ruleset) -> list[Candidate]:
    """Return candidates in their order, with place, verdict and reason."""
    ordered = sorted(considered, key=lambda one: order_of(one, ruleset))
    eligible = [one for one in ordered if not one.refusal]
    ranked = []
    for one in ordered:
        fields = dict(one.__dict__)
        if one.refusal:
            fields.update(reason=one.refusal)
        else:
            place = eligible.index(one) + 1
            fields.update(
                rank=place,
                verdict="won" if place == 1 else "lost",
                reason=_why_lost(one, eligible[0], ruleset) if place > 1 else "",
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

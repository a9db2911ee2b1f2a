"""Sentences about a decision: a reader who does not know the code can check each of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from unmogrowp.attribution.told_touches import method_of, of_touch, of_touches
from unmogrowp.attribution.words import duration, instant
from unmogrowp.rulesets.fraud_rules import fraud_rule

Row = dict[str, Any]

BLOCKED = "fraud_blocked:"
RE_ENGAGEMENT = "re_engagement"
# Of touches that lost or were refused alike, this many are told one by one.
TOLD_APART = 3


def tell(install: Row, candidates: Sequence[Row]) -> list[str]:
    """Return the story of a decision: the install or opening, every touch, the outcome.

    More than three touches of one place that came out alike are told in one sentence.
    """
    noun = "opening" if install["conversion_kind"] == RE_ENGAGEMENT else "install"
    first = _of_opening(install) if noun == "opening" else _of_install(install)
    sentences = [first, *_of_evidence(install, noun)]
    if not candidates:
        sentences.append(
            "No click or impression of this app matches it, as far back as any window reaches, so"
            " it is organic."
        )
        return [*sentences, _of_rules(install)]
    eligible = [one for one in candidates if one["rank"] > 0]
    refused = [one for one in candidates if one["rank"] == 0]
    sentences.append(_of_counts(len(candidates), len(eligible)))
    if eligible:
        winner = eligible[0]
        sentences.append(
            f"Winner: {of_touch(winner, noun)}, inside the window of {_window(winner)}."
        )
        sentences += _of_flags(winner)
        lost = [(one, _why_lost(one, winner, noun)) for one in eligible[1:]]
        sentences += _alike("Lost", lost, noun)
    sentences += _alike("Refused", [(one, _why_refused(one, noun)) for one in refused], noun)
    sentences.append(_of_outcome(install, candidates, noun))
    return [*sentences, _of_rules(install)]


def _of_counts(considered: int, eligible: int) -> str:
    if considered == 1:
        return f"1 touch was considered; it could {'win' if eligible else 'not win'}."
    told = {0: "none of them", considered: "each of them"}.get(eligible, f"{eligible} of them")
    return f"{considered} touches were considered; {told} could win."


def _of_outcome(install: Row, candidates: Sequence[Row], noun: str) -> str:
    if candidates[0]["rank"] > 0:
        return f"So the {noun} belongs to {install['media_source'] or 'an unnamed source'}."
    reason = _outcome(install["organic_reason"])
    if len(candidates) == 1:
        return f"So it is organic: the only touch {reason}."
    return f"So it is organic; its reason is that of the first refused touch, which {reason}."


_OUTCOMES = {
    "outside_window": "was outside its window",
    "after_install": "was after the install",
    "method_off": "was of a kind that this ruleset does not credit",
    "not_retargeting": "did not belong to a retargeting campaign, as a reinstall asks for",
    "reinstall": "came before a reinstall, which keeps its source",
}


def _outcome(reason: str) -> str:
    if reason.startswith(BLOCKED):
        return f"was blocked by the fraud rule {reason.removeprefix(BLOCKED)}"
    return _OUTCOMES.get(reason, f"was refused ({reason})")


def _of_install(install: Row) -> str:
    number = int(install["ordinal"])
    told = (
        f"Device {install['device_key']} ({install['platform'] or 'platform unknown'}) installed"
        f" app {install['app_id']} {'for the first time' if number == 1 else 'again'} at"
        f" {instant(install['installed_at'])}"
    )
    if install["is_implied"]:
        told += (
            ", the time of its first event: no Application Installed came before it or within an"
            " hour after it"
        )
    if number > 1:
        told += (
            f": its install number {number}, {duration(int(install['since_previous_ms']))} after"
            f" the one before. This ruleset counts it as {_KINDS[install['conversion_kind']]}"
        )
    return f"{told}."


_KINDS = {
    "install": "a new install, because that is long enough",
    "reinstall": "a reinstall",
    "re_attribution": "a re-attribution, because a retargeting touch won it",
}


def _of_opening(opening: Row) -> str:
    return (
        f"Device {opening['device_key']} ({opening['platform']}) came back to app"
        f" {opening['app_id']} at {instant(opening['installed_at'])}"
        f" ({opening['event_name']}), {duration(int(opening['inactive_ms']))} after it was last"
        f" seen; its install {opening['install_id']} was at"
        f" {instant(opening['last_installed_at'])}."
    )


def _of_evidence(install: Row, noun: str) -> list[str]:
    # A device id is as a rule the vendor's; then it is told once.
    vendor_ids = (install["idfv"], install["android_id"])
    ids = [
        f"{install[name]} ({name})"
        for name in ("idfa", "idfv", "gaid", "android_id", "device_id")
        if install[name] and not (name == "device_id" and install[name] in vendor_ids)
    ]
    parts = [f"the click id {install['click_id']}"] if install["click_id"] else []
    if ids:
        parts.append(f"the device id{'' if len(ids) == 1 else 's'} {_listed(ids)}")
    if install["user_id"]:
        parts.append(f"the user id {install['user_id']}")
    sentences = [
        f"The {noun} carries {_listed(parts)}."
        if parts
        else f"The {noun} carries no id that a touch could share."
    ]
    if install["referrer_media_source"]:
        named = f"Its store referrer names {install['referrer_media_source']}"
        if install["referrer_campaign"]:
            named += f", campaign {install['referrer_campaign']}"
        clicked = install["referrer_click_at"]
        sentences.append(
            f"{named}, clicked at {instant(clicked)}."
            if clicked is not None
            else f"{named}, without a usable click time."
        )
    if install["install_begin_at"] is not None:
        sentences.append(
            f"Its store says the download began at {instant(install['install_begin_at'])}."
        )
    return sentences


def _window(touch: Row) -> str:
    method = method_of(touch, with_signs=True)
    return f"{duration(touch['window_ms'])} for {touch['touch_type']}s matched by {method}"


def _why_lost(touch: Row, winner: Row, noun: str) -> str:
    reason = touch["reason"]
    if reason == "lower_tier":
        if touch["touch_type"] != winner["touch_type"]:
            return f"{_a(winner)} goes before {_a(touch)}, whichever is later"
        return (
            f"a match by {method_of(winner)} goes before one by {method_of(touch)}, whichever is"
            " later"
        )
    if reason == "earlier_touch":
        return f"the winner is closer to the {noun}"
    if reason == "weaker_match":
        return (
            f"of two at the same instant, a match by {method_of(winner)} goes before one by"
            f" {method_of(touch)}"
        )
    if reason == "touch_id_order":
        return "it equals the winner in everything, and the smaller touch id goes first"
    return str(reason)


def _a(touch: Row) -> str:
    return "an impression" if touch["touch_type"] == "impression" else f"a {touch['touch_type']}"


def _why_refused(touch: Row, noun: str) -> str:
    reason = str(touch["reason"])
    kind = f"{touch['touch_type']}s matched by {method_of(touch)}"
    if reason.startswith(BLOCKED):
        return f"blocked as fraud: {_of_verdict(touch, reason.removeprefix(BLOCKED))}"
    if reason == "outside_window":
        return f"outside the window of {_window(touch)}"
    return {
        "after_install": "a touch after the install is never credited",
        "method_off": f"this ruleset does not credit {kind} of this source",
        "not_retargeting": "only a retargeting touch may win an opening"
        if noun == "opening"
        else "only a retargeting touch may win a device that comes back so soon",
        "earlier_opening": "an opening of the app before this one answered it already",
        "reinstall": "a device that comes back keeps its source under this ruleset",
    }.get(reason, reason)


def _of_verdict(touch: Row, rule_id: str) -> str:
    for rule, mode, value, threshold in touch["fraud_verdicts"]:
        if (rule, mode) == (rule_id, "block"):
            return f"{_of_rule(rule, value, threshold)} ({rule})"
    return rule_id


def _of_flags(touch: Row) -> list[str]:
    return [
        f"It is flagged as suspicious, which decides nothing: {_of_rule(rule, value, threshold)}"
        f" ({rule})."
        for rule, mode, value, threshold in sorted(touch["fraud_verdicts"])
        if mode == "flag"
    ]


def _of_rule(rule: str, value: float, threshold: float) -> str:
    definition = fraud_rule(rule)
    firing = [one for one in definition.thresholds if one.fires != "never"]
    # A verdict keeps what it was compared with, not the name; the catalogue's value tells it.
    crossed = next((one for one in firing if one.default == threshold), firing[0])
    told = definition.explain(crossed.name, float(value), float(threshold))
    return f"{told[:1].lower()}{told[1:].rstrip('.')}"


def _alike(verdict: str, told: Iterable[tuple[Row, str]], noun: str) -> list[str]:
    groups: dict[tuple[str, ...], list[tuple[Row, str]]] = {}
    for touch, why in told:
        place = ("touch_type", "media_source", "campaign", "site_id", "match_type", "reason")
        sign = "after" if touch["age_ms"] < 0 else "before"
        key = (*(str(touch[name]) for name in place), str(touch["is_retargeting"]), sign)
        if not str(touch["reason"]).startswith(BLOCKED):
            key = (*key, why)
        groups.setdefault(key, []).append((touch, why))
    sentences = []
    for alike in groups.values():
        if len(alike) > TOLD_APART:
            reason, why = alike[0][0]["reason"], alike[0][1]
            if reason.startswith(BLOCKED):
                rule = reason.removeprefix(BLOCKED)
                example = _of_verdict(alike[0][0], rule).removesuffix(f" ({rule})")
                why = f"blocked as fraud by the rule {rule}; the latest because {example}"
            sentences.append(f"{verdict}: {of_touches([one for one, _ in alike], noun)}: {why}.")
        else:
            sentences += [f"{verdict}: {of_touch(touch, noun)}: {why}." for touch, why in alike]
    return sentences


def _of_rules(install: Row) -> str:
    return (
        f"This is decision {install['decision_id']} under ruleset {install['ruleset_id']}"
        f" ({install['config_hash'][:12]})."
    )


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"

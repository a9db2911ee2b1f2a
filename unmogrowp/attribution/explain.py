"""The story of one decision, in sentences that a reader who does not know the code can check.

Everything told is read from the tables; nothing is decided again here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unmogrowp.attribution.words import duration, instant
from unmogrowp.errors import PermanentError
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse


class InstallUnknown(PermanentError):
    """There is no install of that id, or it has no decision under the ruleset yet."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, what was considered, and why it came out so."""

    install: dict[str, Any]
    candidates: tuple[dict[str, Any], ...]
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the story as plain values; instants are ISO 8601 in UTC."""
        return {
            "install": _plain(self.install),
            "candidates": [_plain(one) for one in self.candidates],
            "sentences": list(self.sentences),
        }


def explain(warehouse: Warehouse, install_id: str, ruleset_id: str = "ours") -> Story:
    """Tell how an install was decided under a ruleset.

    Raises:
        InstallUnknown: No such install, or it is not decided yet.
    """
    params = {"install_id": install_id, "ruleset_id": ruleset_id}
    found = warehouse.records(named_queries.load("mart/explain_install"), params)
    if not found:
        raise InstallUnknown(f"there is no install {install_id}")
    install = {**found[0], "ruleset_id": ruleset_id}
    if not install["decision_id"]:
        raise InstallUnknown(f"install {install_id} has no decision under {ruleset_id} yet")
    candidates = tuple(
        warehouse.records(
            named_queries.load("mart/explain_candidates"),
            {**params, "app_id": install["app_id"], "day": install["installed_at"].date()},
        )
    )
    return Story(install, candidates, tuple(_tell(install, candidates)))


def _tell(install: dict[str, Any], candidates: tuple[dict[str, Any], ...]) -> list[str]:
    sentences = [_of_install(install), *_of_evidence(install)]
    if not candidates:
        sentences.append(
            "No touch of this app shares an id with it in the time that any window reaches back,"
            " so it is organic."
        )
        return [*sentences, _of_rules(install)]
    eligible = [one for one in candidates if one["rank"] > 0]
    refused = [one for one in candidates if one["rank"] == 0]
    sentences.append(
        f"{_count(len(candidates), 'touch was', 'touches were')} considered, of which"
        f" {len(eligible) or 'none'} could win."
    )
    if eligible:
        winner = eligible[0]
        sentences.append(f"Winner: {_of_touch(winner)}, matched by {_match(winner)}.")
        sentences += [f"Lost: {_of_touch(one)}: {_why_lost(one, winner)}." for one in eligible[1:]]
    sentences += [f"Refused: {_of_touch(one)}: {_why_refused(one)}." for one in refused]
    if eligible:
        sentences.append(f"So the install belongs to {install['media_source']}.")
    else:
        sentences.append(
            "So it is organic; the best of the refused touches was"
            f" {_REFUSALS.get(install['organic_reason'], install['organic_reason'])}."
        )
    return [*sentences, _of_rules(install)]


_REFUSALS = {"outside_window": "outside its window", "after_install": "after the install"}


def _of_install(install: dict[str, Any]) -> str:
    number = int(install["ordinal"])
    which = "the first install" if number == 1 else f"install number {number}"
    told = (
        f"Device {install['device_key']} ({install['platform'] or 'platform unknown'}) has"
        f" {which} of app {install['app_id']} at {instant(install['installed_at'])}"
    )
    if install["is_implied"]:
        told += (
            ", implied by its first event, because no Application Installed came before it or"
            " within an hour after it"
        )
    if number > 1:
        kind = install["conversion_kind"]
        told += (
            f", {duration(int(install['since_previous_ms']))} after the one before; this ruleset"
            f" counts it as {'an install' if kind == 'install' else 'a reinstall'}"
        )
    return f"{told}."


def _of_evidence(install: dict[str, Any]) -> list[str]:
    ids = [
        name
        for name in ("idfa", "idfv", "gaid", "android_id", "device_id")
        if install[name] and not (name == "device_id" and install[name] in _vendor_ids(install))
    ]
    parts = [f"click id {install['click_id']}"] if install["click_id"] else []
    if ids:
        parts.append(f"{'device id' if len(ids) == 1 else 'device ids'} {', '.join(ids)}")
    sentences = [
        f"It carries {' and '.join(parts)}."
        if parts
        else "It carries no id that a touch could share."
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
    return sentences


def _vendor_ids(install: dict[str, Any]) -> tuple[str, str]:
    return install["idfv"], install["android_id"]


def _of_touch(touch: dict[str, Any]) -> str:
    told = f"{touch['touch_type']} of {touch['media_source'] or 'an unnamed source'}"
    if touch["campaign"]:
        told += f", campaign {touch['campaign']}"
    if touch["match_type"] == "referrer":
        told += ", made from the store referrer"
    if touch["is_time_assumed"]:
        return f"{told}, at the time of the install for want of a click time"
    age_ms = int(touch["age_ms"])
    if age_ms == 0:
        return f"{told}, at the very instant of the install"
    when = "before" if age_ms > 0 else "after"
    return f"{told}, {duration(abs(age_ms))} {when} the install"


_METHODS = {
    "click_id": "the click id",
    "referrer": "the store referrer",
    "device_id": "the device id",
    "user_id": "the user id",
}


def _match(touch: dict[str, Any]) -> str:
    told = _METHODS.get(touch["match_type"], touch["match_type"])
    if touch["match_type"] == "device_id":
        fields = [name for name in touch["matched_on"] if name != "click_id"]
        told += f" ({', '.join(fields)})"
    return f"{told}, whose window for {touch['touch_type']}s is {duration(touch['window_ms'])}"


def _why_lost(touch: dict[str, Any], winner: dict[str, Any]) -> str:
    reason = touch["reason"]
    if reason == "lower_tier":
        return f"a matched {winner['touch_type']} comes before it, whatever the time"
    if reason == "earlier_touch":
        return "the winner is later"
    if reason == "weaker_match":
        return (
            f"at the same instant a match by {_METHODS.get(winner['match_type'], '')} comes before"
            f" one by {_METHODS.get(touch['match_type'], '')}"
        )
    if reason == "touch_id_order":
        return "equal in everything, the smaller touch id comes first"
    return str(reason)


def _why_refused(touch: dict[str, Any]) -> str:
    if touch["reason"] == "after_install":
        return "a touch after the install is never credited"
    if touch["reason"] == "outside_window":
        return (
            f"outside the window of {duration(touch['window_ms'])} for {touch['touch_type']}s"
            f" matched by {_METHODS.get(touch['match_type'], touch['match_type'])}"
        )
    return str(touch["reason"])


def _of_rules(install: dict[str, Any]) -> str:
    return (
        f"Decision {install['decision_id']} under ruleset {install['ruleset_id']}"
        f" ({install['config_hash'][:12]})."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else bool(value)
        if key.startswith("is_")
        else value
        for key, value in row.items()
    }

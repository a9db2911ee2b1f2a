"""How a touch is named in the story of a decision, so that its row can be found again."""

from collections.abc import Sequence
from typing import Any

from unmogrowp.attribution.words import duration

Row = dict[str, Any]

# Of a touch id, enough to find the row: WHERE startsWith(touch_id, '3fa9c1d2').
ID_CHARACTERS = 8

_METHODS = {
    "click_id": "the click id",
    "referrer": "the store referrer",
    "device_id": "the device id",
    "user_id": "the user id",
    "probabilistic": "likeness",
}
_DEVICE_IDS = ("idfa", "idfv", "gaid", "android_id")
_LIKENESS = {
    "ip_hash": "equal address",
    "os": "equal operating system",
    "os_version": "equal version of it",
}


def method_of(touch: Row, *, with_signs: bool = False) -> str:
    """Return how a touch matched: `the click id`; with signs also by which ids or likenesses."""
    told = str(_METHODS.get(touch["match_type"], touch["match_type"]))
    signs: list[str] = []
    if with_signs and touch["match_type"] == "device_id":
        signs = [name for name in touch["matched_on"] if name in _DEVICE_IDS]
    if with_signs and touch["match_type"] == "probabilistic":
        signs = [_LIKENESS[name] for name in touch["matched_on"] if name in _LIKENESS]
    return f"{told} ({', '.join(signs)})" if signs else told


def of_touch(touch: Row, noun: str = "install") -> str:
    """Return one touch: what, of whom, when before or after the install or opening."""
    told = f"{_kind(touch)} {touch['touch_id'][:ID_CHARACTERS]} of {_place(touch)}"
    if touch["match_type"] == "referrer":
        told += ", made from the store referrer"
    if touch["is_time_assumed"]:
        return f"{told}, at the time of the {noun} for want of a click time"
    age_ms = int(touch["age_ms"])
    if age_ms == 0:
        return f"{told}, at the very instant of the {noun}"
    return f"{told}, {duration(abs(age_ms))} {'before' if age_ms > 0 else 'after'} the {noun}"


def of_touches(touches: Sequence[Row], noun: str = "install") -> str:
    """Return several touches that are alike but for their ids and times."""
    first = touches[0]
    told = f"{len(touches)} {_kind(first)}s of {_place(first)}"
    if all(one["is_time_assumed"] for one in touches):
        return f"{told}, at the time of the {noun} for want of a click time"
    ages = sorted(abs(int(one["age_ms"])) for one in touches)
    when = "after" if int(first["age_ms"]) < 0 else "before"
    return f"{told}, from {duration(ages[0])} to {duration(ages[-1])} {when} the {noun}"


def _kind(touch: Row) -> str:
    return f"{'retargeting ' if touch['is_retargeting'] else ''}{touch['touch_type']}"


def _place(touch: Row) -> str:
    told = str(touch["media_source"] or "an unnamed source")
    if touch["campaign"]:
        told += f", campaign {touch['campaign']}"
    if touch["site_id"]:
        told += f", site {touch['site_id']}"
    return told

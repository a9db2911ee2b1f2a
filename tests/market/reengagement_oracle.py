"""Openings and re-engagements worked out slowly, in plain Python, from the contract."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.market.model import INSTALLED, MINUTE, Event, Touch
from tests.market.oracle import (
    MOBILE,
    Candidate,
    Install,
    consider,
    digest,
    first_copies_of,
    installs_of,
    nested,
    rank,
    text_of,
    usable,
)
from tests.market.suspicions import suspicions_of
from unmogrowp.rulesets import Ruleset

OPENED = ("Application Opened", "Deep Link Opened")


@dataclass(frozen=True)
class Opening(Install):
    """An opening is matched like an install, with nothing that only a store knows."""

    last: Install | None = None
    inactive_ms: int = 0

    @property
    def conversion_id(self) -> str:
        return digest(
            self.app_id, self.install_id, "re_engagement", self.event.message_id,
            str(self.event.occurred_at),
        )  # fmt: skip

    @property
    def touches_after(self) -> int:
        assert self.last is not None
        return self.last.installed_at

    @property
    def order(self) -> tuple[int, str]:
        return self.event.occurred_at, self.event.message_id


def openings_of(events: Iterable[Event]) -> list[Opening]:
    """Return every row of mart.openings."""
    devices: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        devices[event.app_id, event.device_key].append(event)
    found: list[Opening] = []
    for (_, device_key), of_device in sorted(devices.items()):
        if not device_key.startswith("message:"):
            found += _openings_of_device(of_device)
    return found


def _openings_of_device(events: list[Event]) -> list[Opening]:
    installs = installs_of(events)
    instants = {event.occurred_at for event in events}
    rows: dict[tuple[int, str], Event] = {}
    for event in sorted(events, key=lambda one: (one.received, one.offset)):
        rows.setdefault((event.occurred_at, event.message_id), event)
    found = []
    for event in rows.values():
        before = [one for one in installs if one.installed_at <= event.occurred_at]
        if (
            event.event_name in ("", INSTALLED)
            or event.platform not in MOBILE
            or not before
            or before[-1].installed_at == event.occurred_at
        ):
            continue
        pause = event.occurred_at - max(one for one in instants if one < event.occurred_at)
        if event.event_name in OPENED or pause >= MINUTE:
            found.append(_opening(event, before[-1], pause))
    return found


def _opening(event: Event, last: Install, pause: int) -> Opening:
    click_ids = (
        usable(text_of(event.properties.get("click_id"))),
        usable(text_of(nested(event.context, "campaign", "click_id"))),
        usable(text_of(nested(event.context, "referrer", "id"))),
    )
    return Opening(
        # Likeness is no evidence of who came back.
        event=replace(event, ip_hash=""),
        ordinal=last.ordinal,
        is_implied=False,
        previous_at=None,
        click_id=next((one for one in click_ids if one), ""),
        paid_source="",
        paid_campaign="",
        referrer_click_at=None,
        install_begin_at=None,
        last=last,
        inactive_ms=pause,
    )


def is_asked_for(opening: Opening, ruleset: Ruleset) -> bool:
    """Return whether the pause before it is long enough under a ruleset."""
    if ruleset.reengagement.inactivity_ms == 0:
        return opening.event.event_name in OPENED
    return opening.inactive_ms >= ruleset.reengagement.inactivity_ms


def reengagements_of(
    openings: Iterable[Opening], touches: Iterable[Touch], ruleset: Ruleset
) -> list[Candidate]:
    """Return the candidates of every opening that a touch wins."""
    if not ruleset.reengagement.is_on:
        return []
    asked = sorted(
        (one for one in openings if is_asked_for(one, ruleset)), key=lambda one: one.order
    )
    copies = first_copies_of(touches)
    answered: dict[tuple[str, str, str], Opening] = {}
    found: list[Candidate] = []
    for opening in asked:
        considered = [
            candidate
            for touch in copies
            if opening.touches_after < touch.touch_at <= opening.installed_at
            and (candidate := consider(opening, touch, ruleset, is_crowd=False)) is not None
        ]
        for one in considered:
            if one.touch.is_retargeting and one.is_in_window:
                answered.setdefault(_of_device(opening, one.touch), opening)
        said = suspicions_of(considered, ruleset)
        ranked = rank(
            [
                _judged(
                    replace(one, fraud_verdicts=said.get(one.touch.touch_id, ())),
                    answered.get(_of_device(opening, one.touch)),
                )
                for one in considered
            ],
            ruleset,
        )
        if any(one.rank == 1 for one in ranked):
            found += ranked
    return found


def _of_device(opening: Opening, touch: Touch) -> tuple[str, str, str]:
    return opening.app_id, opening.event.device_key, touch.touch_id


def _judged(one: Candidate, answered_by: Opening | None) -> Candidate:
    blocking = next((rule for rule, mode, _, _ in one.fraud_verdicts if mode == "block"), "")
    if one.window_ms < 0:
        refusal = "method_off"
    elif not one.is_in_window:
        refusal = "outside_window"
    elif not one.touch.is_retargeting:
        refusal = "not_retargeting"
    elif answered_by is not one.install:
        refusal = "earlier_opening"
    else:
        refusal = f"fraud_blocked:{blocking}" if blocking else ""
    return replace(one, refusal=refusal)

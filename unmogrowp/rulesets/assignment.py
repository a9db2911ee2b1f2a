"""Which ruleset decides for an app on a day: promotions in force, and ours where there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from unmogrowp.rulesets.model import Ruleset
from unmogrowp.rulesets.presets import OURS

EVERY_APP = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """From `effective_from` on, `ruleset` is the primary one of an app, or of every app ('').

    `number` is the order in which promotions were recorded.
    """

    number: int
    app_id: str
    ruleset: Ruleset
    effective_from: date
    promoted_at: datetime
    promoted_by: str


def in_force(promotions: Iterable[Promotion], app_id: str, day: date) -> Promotion | None:
    """Return the promotion that counts for an app on a UTC day of conversions.

    An app's own promotions go before those for every app; of either, the latest effective date,
    and of two for one date the one recorded last.
    """
    fitting = [
        one for one in promotions if one.app_id in (app_id, EVERY_APP) and one.effective_from <= day
    ]
    return max(
        fitting,
        key=lambda one: (one.app_id != EVERY_APP, one.effective_from, one.number),
        default=None,
    )


def primary_of(promotions: Iterable[Promotion], app_id: str, day: date) -> Ruleset:
    """Return the ruleset that counts for an app on a day; ours where nothing was promoted."""
    found = in_force(promotions, app_id, day)
    return OURS if found is None else found.ruleset


def deciding_on(promotions: Sequence[Promotion], day: date) -> tuple[Ruleset, ...]:
    """Return every ruleset that is the primary one of some app on a day, without repetition."""
    apps = [EVERY_APP, *sorted({one.app_id for one in promotions} - {EVERY_APP})]
    found = {one.ruleset_id: one for one in (primary_of(promotions, app, day) for app in apps)}
    return tuple(found.values())


def all_deciding(promotions: Sequence[Promotion]) -> tuple[Ruleset, ...]:
    """Return every ruleset that decides on any day, in every version that does."""
    found = {one.config_hash: one for one in (OURS, *(each.ruleset for each in promotions))}
    return tuple(found.values())


def decided_on(promotions: Sequence[Promotion], day: date) -> tuple[Ruleset, ...]:
    """Return every ruleset that decides a UTC day of conversions; what counts for nobody first.

    Ours decides every day, so that whatever was promoted can be compared with it.
    """
    primary = deciding_on(promotions, day)
    names = {one.ruleset_id for one in primary}
    return primary if OURS.ruleset_id in names else (OURS, *primary)


@dataclass(frozen=True, slots=True)
class Standing:
    """For which apps a ruleset is the primary one on a day.

    `is_primary` is for apps without a promotion of their own; for `exceptions` it is the other way
    round.
    """

    is_primary: bool
    exceptions: tuple[str, ...] = ()

    @property
    def counts_somewhere(self) -> bool:
        """Return whether it is the primary ruleset of any app."""
        return self.is_primary or bool(self.exceptions)

    def counts_for(self, app_id: str) -> bool:
        """Return whether it is the primary ruleset of an app."""
        return self.is_primary != (app_id in self.exceptions)


def standing_of(promotions: Sequence[Promotion], ruleset_id: str, day: date) -> Standing:
    """Return for which apps a ruleset counts on a day; a trial counts for none."""
    is_primary = primary_of(promotions, EVERY_APP, day).ruleset_id == ruleset_id
    apps = sorted({one.app_id for one in promotions} - {EVERY_APP})
    return Standing(
        is_primary,
        tuple(
            app_id
            for app_id in apps
            if (primary_of(promotions, app_id, day).ruleset_id == ruleset_id) != is_primary
        ),
    )


@dataclass(frozen=True, slots=True)
class DecidedSpan:
    """A ruleset decides the UTC days from first to last, both in."""

    ruleset_id: str
    first_day: date
    last_day: date


# What a Date of the engine holds.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2149, 6, 6)


def decided_spans(promotions: Sequence[Promotion]) -> tuple[DecidedSpan, ...]:
    """Return which ruleset decides which days, from the first day there is to the last."""
    begins = sorted({FIRST_DAY, *(one.effective_from for one in promotions)})
    ends = [*(day - timedelta(days=1) for day in begins[1:]), LAST_DAY]
    return tuple(
        DecidedSpan(ruleset.ruleset_id, first, last)
        for first, last in zip(begins, ends, strict=True)
        for ruleset in decided_on(promotions, first)
    )


def span_params(spans: Iterable[DecidedSpan]) -> dict[str, list[Any]]:
    """Return the parameters by which SQL files keep to the days that each ruleset decides."""
    spans = list(spans)
    return {
        "ruleset_ids": sorted({one.ruleset_id for one in spans}),
        "decided": [(one.ruleset_id, one.first_day, one.last_day) for one in spans],
    }


def own_spans(promotions: Sequence[Promotion], ruleset_id: str) -> tuple[DecidedSpan, ...]:
    """Return the days whose decisions a ruleset made itself.

    A trial, which was never promoted, is asked about all days; one whose promotions were taken
    back, about those from the first of them on.
    """
    spans = [one for one in decided_spans(promotions) if one.ruleset_id == ruleset_id]
    first = min(
        (one.effective_from for one in promotions if one.ruleset.ruleset_id == ruleset_id),
        default=FIRST_DAY,
    )
    return tuple(spans) or (DecidedSpan(ruleset_id, first, LAST_DAY),)


def looked_back_on(
    promotions: Sequence[Promotion], ruleset_id: str, days: Iterable[date]
) -> list[tuple[str, date]]:
    """Return whose decisions a ruleset takes earlier days from.

    Its own where it decided, else those of what counted for every app then: a ruleset that was
    promoted yesterday has no month of its own to compare with.
    """
    own = own_spans(promotions, ruleset_id)
    return [
        (
            ruleset_id
            if any(span.first_day <= day <= span.last_day for span in own)
            else primary_of(promotions, EVERY_APP, day).ruleset_id,
            day,
        )
        for day in days
    ]

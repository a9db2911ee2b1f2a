"""The review queue: what rules flagged about publishers, and what people decided about it.

The queue is not a table: it is what `mart.fraud_verdicts` holds, beside the latest decision of
`audit.fraud_reviews`, to which rows are only added. So every decision can be taken back, and who
decided what when stays. A confirmed publisher is blocked by the rule `post_attribution`; its days
of installs become due, under a number of the landing ledger of their own, and are decided again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from unmogrowp.clock import Clock, utc
from unmogrowp.errors import PermanentError
from unmogrowp.fraud.build import SAMPLE_DAYS
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.policies import FraudMode
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.ledger_numbers import next_number, take_number

Action = Literal["confirm", "dismiss", "undo"]
State = Literal["open", "confirmed", "dismissed"]
STATES: tuple[State, ...] = ("open", "confirmed", "dismissed")
SHORTEST_ID = 4


class ReviewRefused(PermanentError):
    """The decision makes no sense as it stands; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A publisher that a rule flagged, with the latest decision; no decision: `action` is ''.

    `first_day` and `last_day` are days of verdicts; each is about the seven days that end with it.
    """

    review_id: str
    app_id: str
    media_source: str
    site_id: str
    rule: str
    first_day: date
    last_day: date
    day_count: int
    value: float
    threshold: float
    baseline_id: str
    sentence: str
    decision_count: int
    state: State
    action: str
    decided_first_day: date | None
    decided_last_day: date | None
    decided_at: datetime | None
    decided_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was written down, and the days of installs that are decided again."""

    finding: Finding
    action: Action
    first_day: date
    last_day: date
    touched_days: tuple[date, ...]


def findings(
    warehouse: Warehouse, ruleset_id: str, states: Sequence[State] = ("open",)
) -> list[Finding]:
    """Return what is in the queue in one of the states, open ones first, newest first."""
    rows = warehouse.records(named_queries.load("fraud/findings"), {"ruleset_id": ruleset_id})
    return [one for one in (Finding(**row) for row in rows) if one.state in states]


def find(warehouse: Warehouse, ruleset_id: str, review_id: str) -> Finding:
    """Return one finding by its id or the beginning of it.

    Raises:
        ReviewRefused: None has that id, or more than one.
    """
    matching = [
        one
        for one in findings(warehouse, ruleset_id, STATES)
        if one.review_id.startswith(review_id) and len(review_id) >= SHORTEST_ID
    ]
    if len(matching) != 1:
        raise ReviewRefused(
            f"{len(matching)} findings of {ruleset_id} have an id that begins with {review_id!r};"
            " `unmogrowp fraud review list --all` shows them"
        )
    return matching[0]


def decide(
    warehouse: Warehouse,
    ruleset_id: str,
    finding: Finding,
    action: Action,
    *,
    by: str,
    reason: str,
    clock: Clock,
    restatable: int,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Decided:
    """Write a decision down and make the days it restates due; the caller holds the pipeline lock.

    Written in an order that a kill cannot hurt: first the days, under the number that landing will
    have next, then the decision and the installs it restates, then the number. Days that were
    touched for nothing come out the same.

    Args:
        warehouse: Where the tables are.
        ruleset_id: Ruleset whose rule found it.
        finding: As `find` returned it.
        action: confirm, dismiss, or undo the latest decision.
        by: Who decides.
        reason: Why, in words; not empty.
        clock: Gives the instant of the decision.
        restatable: How many days after an install a confirmation still moves it, by the rules that
            decide (`restatable_days`).
        first_day: First day of installs it is about; None: the first that a verdict rests on.
        last_day: Last one; None: the last day with a verdict.

    Raises:
        ReviewRefused: No reason, nothing to undo, days that are no span, or a confirmation that
            the rules would not follow.
    """
    if not reason.strip():
        raise ReviewRefused("say why: a decision without a reason cannot be defended later")
    if action == "undo" and finding.action in ("", "undo"):
        raise ReviewRefused(f"there is no decision about {finding.review_id} to undo")
    if action == "confirm" and restatable == 0:
        raise ReviewRefused(
            f"{ruleset_id} does not block by the rule post_attribution, so a confirmation would"
            " move nothing; add `{rule_id: post_attribution, mode: block}` to its fraud rules"
        )
    decided_first = finding.decided_first_day or finding.first_day
    decided_last = finding.decided_last_day or finding.last_day
    if action == "undo":
        begin, end = decided_first, decided_last
    else:
        begin = first_day or finding.first_day - timedelta(days=SAMPLE_DAYS - 1)
        end = last_day or finding.last_day
    if begin > end:
        raise ReviewRefused(f"{begin} to {end} is no span of days")
    now_ms = clock.now_ms()
    # Where an earlier confirmation is replaced, its days change as well.
    was_blocked = finding.action == "confirm"
    is_blocked = action == "confirm"
    touched: tuple[date, ...] = ()
    if was_blocked or is_blocked:
        span_begin = min(begin, decided_first) if was_blocked else begin
        span_end = max(end, decided_last) if was_blocked else end
        oldest = utc(now_ms).date() - timedelta(days=restatable)
        touched = _days(warehouse, finding, max(span_begin, oldest), span_end)
    number = next_number(warehouse)
    if touched:
        warehouse.run(
            "audit/record_touched_days",
            {
                "mart": "attribution",
                "days": list(touched),
                "state": "touched",
                "watermark": number,
                "reason": f"fraud_{action}",
                "now_ms": now_ms,
            },
        )
    warehouse.run(
        "fraud/record_review",
        {
            "review_id": finding.review_id,
            "decision_number": finding.decision_count + 1,
            "action": action,
            "ruleset_id": ruleset_id,
            "app_id": finding.app_id,
            "media_source": finding.media_source,
            "site_id": finding.site_id,
            "rule": finding.rule,
            "first_day": begin,
            "last_day": end,
            "value": finding.value,
            "threshold": finding.threshold,
            "baseline_id": finding.baseline_id,
            "now_ms": now_ms,
            "decided_by": by,
            "reason": reason.strip(),
        },
    )
    if touched:
        warehouse.run(
            "fraud/restate",
            {
                "app_id": finding.app_id,
                "media_source": finding.media_source,
                "site_id": finding.site_id,
                "days": list(touched),
                "reason": f"fraud_{action}",
                "review_id": finding.review_id,
                "now_ms": now_ms,
            },
            {"insert_deduplication_token": f"{finding.review_id}/{finding.decision_count + 1}"},
        )
        note = f"fraud {action} {finding.review_id}"
        take_number(warehouse, number, "reviewed", note, now_ms)
    return Decided(finding, action, begin, end, touched)


def restatable_days(rulesets: Iterable[Ruleset]) -> int:
    """Return for how many days after an install a confirmation still moves it; 0: it never does.

    The longest time that one of the rulesets gives its rule `post_attribution` counts.
    """
    return max(
        (
            int(rule.limits["max_days"])
            for ruleset in rulesets
            for rule in ruleset.fraud_rules("post_attribution")
            if rule.mode is FraudMode.BLOCK
        ),
        default=0,
    )


def _days(
    warehouse: Warehouse, finding: Finding, first_day: date, last_day: date
) -> tuple[date, ...]:
    return tuple(
        day
        for (day,) in warehouse.named_rows(
            "fraud/reviewed_days",
            {
                "app_id": finding.app_id,
                "media_source": finding.media_source,
                "site_id": finding.site_id,
                "first_day": first_day,
                "last_day": last_day,
            },
        )
    )

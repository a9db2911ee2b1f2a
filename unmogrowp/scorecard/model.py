"""What a scorecard says: shares with intervals, in parts, and what could not be scored."""

from dataclasses import asdict, dataclass
from typing import Any

from unmogrowp.scorecard.intervals import wilson


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`, with the Wilson interval of 95 %."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """Return the share; None where there is nothing to share."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return where the share lies with 95 % confidence; everywhere if nothing was seen."""
        return wilson(self.hits, self.total)

    def as_record(self) -> dict[str, Any]:
        """Return the share for programs."""
        lower, upper = self.interval
        return {
            "hits": self.hits,
            "total": self.total,
            "value": self.value,
            "lower": lower,
            "upper": upper,
        }


@dataclass(frozen=True, slots=True)
class Score:
    """One line: of a match type, of a kind of evidence, of a rule.

    `precision`: of what was claimed, how much is true. `recall`: of what is true, how much was
    claimed. None where the question makes no sense for the subject.
    """

    subject: str
    precision: Share | None = None
    recall: Share | None = None
    exact: Share | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bias:
    """What a model credits a channel with, against what the channel brought; in installs.

    `lower` and `upper` bound `credited - brought` with 95 % confidence (bootstrap).
    """

    model: str
    channel: str
    credited: float
    brought: float
    lower: float
    upper: float

    @property
    def difference(self) -> float:
        """Return how many installs too many (positive) or too few the channel is credited with."""
        return self.credited - self.brought


@dataclass(frozen=True, slots=True)
class Misplaced:
    """How much of a model's credit lies in the wrong place, with intervals of 95 %.

    `share` is of all installs, and counts what channels are given although nobody brought it;
    `between` compares only how the channels share among each other, and tells models apart.
    """

    model: str
    share: float
    lower: float
    upper: float
    between: float
    between_lower: float
    between_upper: float


@dataclass(frozen=True, slots=True)
class CreditScore:
    """Multi-touch models on one kind of journeys."""

    title: str
    explanation: str
    installs: int
    biases: tuple[Bias, ...]
    misplaced: tuple[Misplaced, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything that was scored for one market.

    `confusion` counts installs by (what caused them, whom they were decided for); `absent` names
    what could not be scored and why.
    """

    shape: str
    seed: int
    users: int
    days: int
    app_id: str
    ruleset_id: str
    installs: int
    decisions: tuple[Score, ...]
    evidence: tuple[Score, ...]
    confusion: tuple[tuple[str, str, int], ...]
    rules: tuple[Score, ...]
    credit: tuple[CreditScore, ...]
    absent: tuple[str, ...]

    @property
    def title(self) -> str:
        """Return the market's name."""
        return f"{self.shape}, seed {self.seed}"

    @property
    def attribution(self) -> tuple[Score, ...]:
        """Return all that is said of decisions: by match type, then by evidence."""
        return (*self.decisions, *self.evidence)

    def as_record(self) -> dict[str, Any]:
        """Return the scorecard for programs."""

        def scored(one: Score) -> dict[str, Any]:
            return {
                "subject": one.subject,
                **{
                    name: share.as_record()
                    for name in ("precision", "recall", "exact")
                    if (share := getattr(one, name)) is not None
                },
                **({"note": one.note} if one.note else {}),
            }

        return {
            "shape": self.shape,
            "seed": self.seed,
            "users": self.users,
            "days": self.days,
            "app_id": self.app_id,
            "ruleset_id": self.ruleset_id,
            "installs": self.installs,
            "decisions": [scored(one) for one in self.decisions],
            "evidence": [scored(one) for one in self.evidence],
            "confusion": [
                {"caused_by": cause, "decided_for": decided, "installs": count}
                for cause, decided, count in self.confusion
            ],
            "rules": [scored(one) for one in self.rules],
            "credit": [
                {
                    "journeys": one.title,
                    "installs": one.installs,
                    "misplaced": [asdict(m) for m in one.misplaced],
                    "biases": [
                        {
                            "model": b.model,
                            "channel": b.channel,
                            "credited": b.credited,
                            "brought": b.brought,
                            "difference": b.difference,
                            "lower": b.lower,
                            "upper": b.upper,
                        }
                        for b in one.biases
                    ],
                }
                for one in self.credit
            ],
            "absent": list(self.absent),
        }

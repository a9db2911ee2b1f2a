"""A ruleset: how touches and installs are matched, as data that can be hashed and compared.

Everything a decision depends on besides its input rows is in here, so that the same ruleset gives
the same decisions whenever and wherever it runs. SQL receives it as parameters; no window and no
order of methods is written down a second time.
"""

import hashlib
import json
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Raised when the SQL decides differently for the same ruleset and input: a decision made by
# other code must not carry the same hash.
ENGINE_VERSION = 1


class TouchType(StrEnum):
    """What the person did with the ad."""

    CLICK = "click"
    IMPRESSION = "impression"


class MatchMethod(StrEnum):
    """What install and touch have in common."""

    REFERRER = "referrer"
    CLICK_ID = "click_id"
    DEVICE_ID = "device_id"
    USER_ID = "user_id"


class MatchRule(BaseModel):
    """One way a touch may win: its lookback window and the tier it competes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    touch_type: TouchType
    method: MatchMethod
    window_ms: int = Field(
        ge=MINUTE_MS,
        le=90 * DAY_MS,
        description="Lookback in milliseconds; an age of 0 and of exactly this are both in",
    )
    tier: int = Field(ge=1, le=9, description="Lower tiers win, whatever the time of the touch")


class Ruleset(BaseModel):
    """Rules of one way to decide; `ruleset_id` is its name in tables and partitions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ruleset_id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    version: int = Field(default=1, ge=1)
    description: str = ""
    rules: tuple[MatchRule, ...] = Field(min_length=1)
    method_order: tuple[MatchMethod, ...] = Field(
        default=(
            MatchMethod.REFERRER,
            MatchMethod.CLICK_ID,
            MatchMethod.DEVICE_ID,
            MatchMethod.USER_ID,
        ),
        description=(
            "Breaks ties between touches of one instant; also the order in which the methods of"
            " one touch are tried"
        ),
    )
    reinstall_window_ms: int = Field(
        default=90 * DAY_MS,
        ge=0,
        description="A reinstall at most this long after the previous install is no new install",
    )
    before_slack_ms: int = Field(
        default=DAY_MS, ge=0, description="Kept as refused: touches this much before any window"
    )
    after_slack_ms: int = Field(
        default=DAY_MS, ge=0, description="Kept as refused: touches up to this long after"
    )

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        pairs = [(rule.touch_type, rule.method) for rule in self.rules]
        if len(set(pairs)) != len(pairs):
            raise ValueError("two rules for one touch type and method")
        if len(set(self.method_order)) != len(self.method_order):
            raise ValueError("a method stands twice in method_order")
        missing = sorted({rule.method for rule in self.rules} - set(self.method_order))
        if missing:
            raise ValueError(f"method_order does not place {', '.join(missing)}")
        return self

    @property
    def longest_window_ms(self) -> int:
        """Return the longest lookback of any rule."""
        return max(rule.window_ms for rule in self.rules)

    @property
    def reach_before_ms(self) -> int:
        """Return how long before an install a touch can still become its candidate."""
        return self.longest_window_ms + self.before_slack_ms

    def rule(self, touch_type: TouchType, method: MatchMethod) -> MatchRule | None:
        """Return the rule for a touch type and method; None when the ruleset has none."""
        for rule in self.rules:
            if rule.touch_type == touch_type and rule.method == method:
                return rule
        return None

    def canonical_json(self) -> str:
        """Return the one text that stands for this ruleset: sorted keys, no spaces."""
        body = self.model_dump(mode="json")
        body["rules"] = sorted(body["rules"], key=lambda rule: (rule["touch_type"], rule["method"]))
        body["engine_version"] = ENGINE_VERSION
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def config_hash(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

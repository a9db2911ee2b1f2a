"""A ruleset: how touches and installs are matched, as data that can be hashed and compared.

Everything a decision depends on besides its input rows is in here, so that the same ruleset gives
the same decisions whenever and wherever it runs. SQL receives it as parameters; no window and no
order of methods is written down a second time.
"""

import hashlib
import json
from collections import Counter
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unmogrowp.rulesets.durations import DAY_MS, HOUR_MS, MINUTE_MS
from unmogrowp.rulesets.policies import (
    LONGEST_WINDOW_MS,
    FraudMode,
    FraudRule,
    Note,
    Policy,
    ProbabilisticPolicy,
    ReengagementPolicy,
    ReinstallPolicy,
)

__all__ = ["DAY_MS", "ENGINE_VERSION", "HOUR_MS", "MINUTE_MS", "Ruleset"]

# Raised when the SQL decides differently for the same ruleset and input: a decision made by
# other code must not carry the same hash.
ENGINE_VERSION = 3


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
    PROBABILISTIC = "probabilistic"


class MatchRule(Policy):
    """One way a touch may win: its lookback window and the tier it competes in."""

    touch_type: TouchType
    method: MatchMethod
    window_ms: int | None = Field(
        ge=MINUTE_MS,
        le=LONGEST_WINDOW_MS,
        description=(
            "Lookback in milliseconds; an age of 0 and of exactly this are both in. None: off,"
            " except where an override sets a window"
        ),
    )
    tier: int = Field(ge=1, le=9, description="Lower tiers win, whatever the time of the touch")


class WindowOverride(Policy):
    """Another window for some touches; '' and None mean any.

    Of all overrides that fit a touch the most specific counts: one that names the campaign before
    one that names the media source, before one that names the app, then method, then touch type.
    """

    app_id: str = ""
    media_source: str = ""
    campaign: str = ""
    touch_type: TouchType | None = None
    method: MatchMethod | None = None
    window_ms: int | None = Field(
        ge=MINUTE_MS, le=LONGEST_WINDOW_MS, description="Milliseconds; None: these touches are off"
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.campaign and not self.media_source:
            raise ValueError("an override for a campaign names its media_source too")
        if not (self.app_id or self.media_source):
            raise ValueError("an override names an app_id or a media_source; else change the rule")
        return self

    @property
    def selector(self) -> tuple[str, str, str, str, str]:
        """Return what the override is for; two overrides with one selector would contradict."""
        return (
            self.campaign,
            self.media_source,
            self.app_id,
            self.method or "",
            self.touch_type or "",
        )

    @property
    def specificity(self) -> int:
        """Return its precedence; overrides that fit one touch never share it."""
        return sum(1 << (4 - place) for place, value in enumerate(self.selector) if value)

    def fits(self, app_id: str, media_source: str, campaign: str, rule: MatchRule) -> bool:
        """Return whether it speaks about a touch that a rule is asked about."""
        return (
            self.app_id in ("", app_id)
            and self.media_source in ("", media_source)
            and self.campaign in ("", campaign)
            and self.method in (None, rule.method)
            and self.touch_type in (None, rule.touch_type)
        )


class Ruleset(BaseModel):
    """Rules of one way to decide; `ruleset_id` is its name in tables and partitions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ruleset_id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    version: int = Field(default=1, ge=1)
    description: str = ""
    rules: tuple[MatchRule, ...] = Field(min_length=1)
    overrides: tuple[WindowOverride, ...] = Field(default=(), max_length=10_000)
    method_order: tuple[MatchMethod, ...] = Field(
        default=(
            MatchMethod.REFERRER,
            MatchMethod.CLICK_ID,
            MatchMethod.DEVICE_ID,
            MatchMethod.USER_ID,
            MatchMethod.PROBABILISTIC,
        ),
        description=(
            "Breaks ties between touches of one instant; also the order in which the methods of"
            " one touch are tried"
        ),
    )
    reinstalls: ReinstallPolicy = ReinstallPolicy()
    reengagement: ReengagementPolicy = ReengagementPolicy()
    probabilistic: ProbabilisticPolicy = ProbabilisticPolicy()
    fraud: tuple[FraudRule, ...] = ()
    before_slack_ms: int = Field(
        default=DAY_MS, ge=0, description="Kept as refused: touches this much before any window"
    )
    after_slack_ms: int = Field(
        default=DAY_MS, ge=0, description="Kept as refused: touches up to this long after"
    )
    notes: tuple[Note, ...] = ()

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
        if (TouchType.IMPRESSION, MatchMethod.REFERRER) in pairs:
            raise ValueError("a store referrer tells of a click; there is no rule for impressions")
        if not self._windows:
            raise ValueError("every rule is off, so nothing could ever win")
        return self

    @model_validator(mode="after")
    def _overrides_and_fraud_rules_are_unambiguous(self) -> Self:
        selectors = Counter(one.selector for one in self.overrides)
        twice = sorted(one for one, times in selectors.items() if times > 1)
        if twice:
            named = " ".join(part for part in twice[0] if part)
            raise ValueError(f"two overrides for {named}")
        for one in self.overrides:
            if not any(
                one.method in (None, rule.method) and one.touch_type in (None, rule.touch_type)
                for rule in self.rules
            ):
                raise ValueError(
                    f"the override for {one.media_source or one.app_id} speaks of"
                    f" {one.touch_type or 'touches'} by {one.method or 'any method'}, for which"
                    " there is no rule: add one, with `window: off` if it is for them alone"
                )
        modes = [(one.rule_id, one.mode) for one in self.fraud]
        if len(set(modes)) != len(modes):
            raise ValueError("a fraud rule stands twice in one mode")
        return self

    @property
    def longest_window_ms(self) -> int:
        """Return the longest lookback of any rule or override."""
        return max(self._windows)

    @property
    def _windows(self) -> list[int]:
        given = [one.window_ms for one in self.rules] + [one.window_ms for one in self.overrides]
        return [window_ms for window_ms in given if window_ms is not None]

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

    def window_of(
        self, rule: MatchRule, app_id: str, media_source: str, campaign: str
    ) -> int | None:
        """Return the window of a rule for touches of a campaign; None when it is off for them."""
        fitting = [one for one in self.overrides if one.fits(app_id, media_source, campaign, rule)]
        if not fitting:
            return rule.window_ms
        return max(fitting, key=lambda one: one.specificity).window_ms

    def uses(self, method: MatchMethod) -> bool:
        """Return whether a rule looks at this method and some window is open for it."""
        rules = [rule for rule in self.rules if rule.method == method]
        return any(rule.window_ms is not None for rule in rules) or (
            bool(rules)
            and any(
                one.window_ms is not None and one.method in (None, method) for one in self.overrides
            )
        )

    def fraud_rules(self, rule_id: str) -> tuple[FraudRule, ...]:
        """Return a fraud rule in each mode it is switched on in."""
        return tuple(
            one for one in self.fraud if one.rule_id == rule_id and one.mode != FraudMode.OFF
        )

    def canonical_json(self) -> str:
        """Return the one text that stands for what this ruleset decides: sorted, no spaces."""
        body = self.model_dump(mode="json", exclude={"description", "notes"})
        body["rules"] = sorted(body["rules"], key=lambda rule: (rule["touch_type"], rule["method"]))
        for name in ("overrides", "fraud"):
            body[name] = sorted(body[name], key=lambda one: json.dumps(one, sort_keys=True))
        body["engine_version"] = ENGINE_VERSION
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def config_hash(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

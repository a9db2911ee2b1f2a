"""What a ruleset says beside its windows: reinstalls, re-engagement, likeness, fraud, sources."""

import logging
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from unmogrowp.rulesets.durations import DAY_MS, MINUTE_MS
from unmogrowp.rulesets.fraud_rules import FraudRuleDefinition, fraud_rule, fraud_rules

log = logging.getLogger(__name__)

# In the context of a validation: the ruleset is one that was kept, by an engine that may be older.
# Its rules exist in their present version only, and refusing it would stop what it decides.
KEPT = "is_kept"
LONGEST_WINDOW_MS = 90 * DAY_MS
# "For ever" of networks that never count a device twice; ten years keep sums within 64 bits.
FOREVER_MS = 3_650 * DAY_MS


class Policy(BaseModel):
    """A part of a ruleset: frozen, and refusing what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReinstallPolicy(Policy):
    """When a device that comes back is no new install, and who may be credited for it."""

    window_ms: int = Field(
        default=90 * DAY_MS,
        ge=0,
        le=FOREVER_MS,
        description="A reinstall at most this long after the previous install is no new install",
    )
    eligible_touches: Literal["any", "retargeting", "none"] = Field(
        default="any",
        description=(
            "Which touches may win a reinstall inside the window; the others are refused as"
            " `not_retargeting` (retargeting) or `reinstall` (none)"
        ),
    )


class ReengagementPolicy(Policy):
    """When opening the app after a retargeting touch is a conversion of its own."""

    is_on: bool = False
    inactivity_ms: int = Field(
        default=7 * DAY_MS,
        ge=0,
        le=365 * DAY_MS,
        description=(
            "The device was not seen for at least this long before it opened the app: a minute or"
            " more; 0: every opening counts, but no other event"
        ),
    )
    window_ms: int = Field(
        default=30 * DAY_MS,
        ge=MINUTE_MS,
        le=LONGEST_WINDOW_MS,
        description="Events up to this long after a re-engagement belong to it in the dynamic view",
    )

    @model_validator(mode="after")
    def _is_a_pause(self) -> Self:
        if 0 < self.inactivity_ms < MINUTE_MS:
            raise ValueError("inactivity is 0 or at least a minute: less is no pause")
        return self


class ProbabilisticPolicy(Policy):
    """When equal addresses and systems are taken for the same person; only with such a rule.

    An install on iOS is never matched this way unless its user allowed tracking: no setting
    changes that.
    """

    max_installs_per_address: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="An address with more installs of the app on the day is a crowd: no evidence",
    )
    uses_touches_with_device_id: bool = Field(
        default=False,
        description="Also for touches that carry a device id which did not match",
    )


class FraudMode(StrEnum):
    """What follows when a fraud rule fires."""

    OFF = "off"  # not evaluated
    SHADOW = "shadow"  # kept with the candidate, for "what would move"
    FLAG = "flag"  # kept with the candidate and shown
    BLOCK = "block"  # the touch cannot win; the next valid one does


class FraudRule(Policy):
    """One fraud rule in one mode; `parameters` are its thresholds, by the names the rule gives."""

    rule_id: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")
    version: int = Field(
        default=1,
        ge=1,
        description="The version of the rule it is written for; when left out, the present one",
    )
    mode: FraudMode = FraudMode.FLAG
    parameters: dict[str, int | float | str | bool] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _is_written_for_the_present(cls, given: Any, info: ValidationInfo) -> Any:
        known = fraud_rules().get(str(given.get("rule_id"))) if isinstance(given, dict) else None
        if known is None:
            return given
        written_for = given.get("version", known.version)
        if (
            (info.context or {}).get(KEPT)
            and isinstance(written_for, int)
            and written_for < known.version
        ):
            log.warning(
                "%s was kept for version %s and is applied as it is now, in version %s: read what"
                " changed in docs/fraud_rules.md, and add a new version of the ruleset",
                known.code, written_for, known.version,
            )  # fmt: skip
            written_for = known.version
        return {**given, "version": written_for}

    @model_validator(mode="after")
    def _is_in_the_catalogue(self) -> Self:
        self.definition.check(self.mode, self.parameters)
        if self.version != self.definition.version:
            raise ValueError(
                f"{self.rule_id} is at version {self.definition.version}, this is written for"
                f" version {self.version}: read what changed in docs/fraud_rules.md"
            )
        return self

    @property
    def definition(self) -> FraudRuleDefinition:
        """Return what the rule is."""
        return fraud_rule(self.rule_id)

    @property
    def limits(self) -> dict[str, float]:
        """Return its thresholds and conditions by name, defaults filled in."""
        return self.definition.limits(self.parameters)


class Note(Policy):
    """Where a value comes from. Notes explain; they decide nothing and are not hashed."""

    about: str = Field(description="The value, for example `click window` or `reinstalls`")
    text: str = Field(description="What the source says of it")
    source: str = Field(default="", description="Address or name of the source; '' for our choice")
    is_assumed: bool = Field(
        default=False,
        description="The source gives a range or nothing: the value here is our assumption",
    )

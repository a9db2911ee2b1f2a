"""The fraud rules there are, as data: what each measures, when it fires, and what it cannot see.

A ruleset switches rules on (mode and thresholds); what a rule *is* stands in `fraud_rules.yaml`, so
that SQL, verdicts, documentation and reports say the same about it. The catalogue is no code: a
ruleset that names a rule or a threshold which is not in it is refused.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode = Literal["off", "shadow", "flag", "block"]
Number = int | float

_UNITS: dict[str, tuple[float, str]] = {
    "ms": (1_000.0, "s"),
    "share": (0.01, "%"),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threshold(_Part):
    """One number of a rule: with `fires` a limit that a value is compared with, else a condition.

    Conditions (`fires: never`) say what must hold before the rule has an opinion at all, for
    example how many installs a distribution needs.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    unit: Literal["ms", "count", "share", "sigma", "distance", "factor", "percentile", "days"]
    fires: Literal["above", "at_least", "below", "at_most", "never"]
    default: float
    meaning: str

    def is_crossed(self, value: Number | None, limit: Number) -> bool:
        """Return whether a value fires; absent values and conditions never do."""
        if value is None:
            return False
        match self.fires:
            case "above":
                return value > limit
            case "at_least":
                return value >= limit
            case "below":
                return value < limit
            case "at_most":
                return value <= limit
            case "never":
                return False

    def text_of(self, value: Number) -> str:
        """Return a value with its unit, for people."""
        divisor, suffix = _UNITS.get(self.unit, (1.0, ""))
        number = value / divisor
        shown = f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}"
        return f"{shown} {suffix}" if suffix else shown


class BaselineSpec(_Part):
    """What a distribution is compared with; frozen per day from the complete days before it."""

    days: int = Field(ge=1, le=90, description="Complete UTC days before the day that is judged")
    of: str = Field(description="What is measured over them")


class DefaultRule(_Part):
    """How our own ruleset switches a rule on."""

    mode: Mode
    parameters: dict[str, Number] = Field(default_factory=dict)


class FraudRuleDefinition(_Part):
    """One rule of the catalogue.

    `kind` says what a verdict is about: a candidate (a touch considered for an install, while the
    decision is made), an install (after it), or a publisher's day (its distribution against a
    frozen baseline). Only rules about candidates may block by themselves: the others depend on
    when their baseline was frozen, so they flag, and a person confirms.
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")
    version: int = Field(ge=1)
    kind: Literal["candidate", "install", "publisher_day"]
    title: str
    definition: str
    formula: str
    sentence: str = Field(description="Explains a verdict; {value} and {threshold} are filled in")
    thresholds: tuple[Threshold, ...] = Field(min_length=1)
    baseline: BaselineSpec | None = None
    defaults: tuple[DefaultRule, ...] = Field(min_length=1)
    is_evaluated: bool = Field(
        default=True, description="False: the rule has a place, but nothing measures it yet"
    )
    source: str
    false_positives: str
    cannot_see: str

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not any(one.fires != "never" for one in self.thresholds):
            raise ValueError(f"{self.code} has no threshold that can fire")
        for one in self.defaults:
            self.check(one.mode, one.parameters)
        return self

    @property
    def may_block(self) -> bool:
        """Return whether a ruleset may set this rule to block."""
        return self.kind == "candidate"

    def threshold(self, name: str) -> Threshold:
        """Return a threshold by its name.

        Raises:
            ValueError: The rule has none of that name.
        """
        for one in self.thresholds:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.thresholds)
        raise ValueError(f"{self.code} has no threshold {name}; it has {known}")

    def check(self, mode: str, parameters: Mapping[str, Any]) -> None:
        """Refuse a use of this rule that could not mean anything.

        Raises:
            ValueError: An unknown threshold, a value that is no number, or a rule that may not
                block set to block.
        """
        if mode == "block" and not self.may_block:
            raise ValueError(
                f"{self.code} may only shadow or flag: it rests on a baseline, and what it finds"
                " is blocked when a person confirms it (`unmogrowp fraud review confirm`)"
            )
        for name, value in parameters.items():
            self.threshold(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{self.code}: {name} has to be a number, it is {value!r}")

    def limits(self, parameters: Mapping[str, Any]) -> dict[str, float]:
        """Return every threshold of the rule under the given parameters, defaults filled in.

        A rule that is given some of its firing thresholds compares with those only: `{flag above
        20 an hour}` does not bring the limit per day with it. Conditions always hold.
        """
        named = {one.name for one in self.thresholds if one.name in parameters}
        fires_somewhere = any(self.threshold(name).fires != "never" for name in named)
        return {
            one.name: float(parameters.get(one.name, one.default))
            for one in self.thresholds
            if one.fires == "never" or one.name in named or not fires_somewhere
        }

    def explain(self, threshold: str, value: Number, limit: Number) -> str:
        """Return the verdict in plain words."""
        one = self.threshold(threshold)
        return self.sentence.format(
            value=one.text_of(value), threshold=one.text_of(limit), meaning=one.meaning
        )


@cache
def fraud_rules() -> dict[str, FraudRuleDefinition]:
    """Return every rule of the catalogue by its code, in the order of the catalogue."""
    text = (resources.files("unmogrowp.rulesets") / "fraud_rules.yaml").read_text(encoding="utf-8")
    # Every start reads it: libyaml takes a tenth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    body = yaml.load(text, Loader=loader)  # nosec B506 (a SafeLoader)
    rules = [FraudRuleDefinition.model_validate(one) for one in body["rules"]]
    found = {one.code: one for one in rules}
    if len(found) != len(rules):
        raise ValueError("a fraud rule stands twice in the catalogue")
    return found


def fraud_rule(code: str) -> FraudRuleDefinition:
    """Return one rule.

    Raises:
        ValueError: There is none of that code; the message names those there are.
    """
    try:
        return fraud_rules()[code]
    except KeyError:
        raise ValueError(
            f"there is no fraud rule {code}; there are {', '.join(fraud_rules())}"
        ) from None

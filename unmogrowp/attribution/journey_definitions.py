"""What a conversion is, which touches lead to it, and which models share it out: all as data.

A definition has an id, a version and a hash; its models are partitions of their own in
`mart.touch_credit` and `mart.channel_credit`, so a new definition can never replace the rows of
another one.
"""

import hashlib
import json
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from unmogrowp.attribution.credit.models import ALGORITHMIC_MODELS, RULE_MODELS, Model
from unmogrowp.attribution.credit.rule_models import checked_weights
from unmogrowp.attribution.credit.transforms import checked_transforms

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

# Raised when the SQL or a model gives other credit for the same definition and input.
ENGINE_VERSION = 1


class ConversionKind(StrEnum):
    """What counts as a conversion."""

    INSTALL = "install"
    EVENT = "event"
    REVENUE = "revenue"


class Conversion(BaseModel):
    """Which rows of mart.installs or clean.events are conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConversionKind
    install_kinds: tuple[Literal["install", "reinstall"], ...] = Field(
        default=("install",), min_length=1, description="For installs: ordinals that count"
    )
    event_names: tuple[str, ...] = Field(
        default=(), description="For events: their names; for revenue: all that carry it when empty"
    )
    currency: str = Field(
        default="",
        pattern=r"^([A-Z]{3})?$",
        description="ISO 4217; value in other currencies is not counted. Needed for revenue, whose"
        " conversions are events with revenue above 0 in this currency (refunds are none)",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == ConversionKind.EVENT and not self.event_names:
            raise ValueError("an event conversion names at least one event")
        if self.kind == ConversionKind.REVENUE and not self.currency:
            raise ValueError("a revenue conversion names its currency: sums of two mean nothing")
        if self.kind == ConversionKind.INSTALL and (self.event_names or self.currency):
            raise ValueError("an install has neither event names nor a currency")
        return self


class JourneyDefinition(BaseModel):
    """Conversions, the touches on their paths, and the models that share them out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    journey_id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    version: int = Field(default=1, ge=1)
    description: str = ""
    conversion: Conversion
    lookback_ms: int = Field(
        default=30 * DAY_MS,
        ge=MINUTE_MS,
        le=90 * DAY_MS,
        description="A touch may be this old at the conversion; 0 and exactly this are both in",
    )
    lookback_steps: int = Field(default=0, ge=0, description="Only the last touches; 0 for all")
    touch_types: tuple[Literal["click", "impression"], ...] = Field(
        default=("click", "impression"), min_length=1
    )
    channel: Literal["media_source", "campaign"] = Field(
        default="media_source", description="Column of the touch that is its channel"
    )
    transforms: tuple[str, ...] = Field(default=(), description="Applied in this order")
    direct: str = Field(default="(direct)", description="Passed over by last_non_direct")
    untouched: str = Field(
        default="organic", description="Channel of conversions that no touch came before"
    )
    models: tuple[Model, ...] = Field(min_length=1)
    position_weights: tuple[float, float, float] = (0.4, 0.2, 0.4)
    half_life_ms: int = Field(default=7 * DAY_MS, ge=1, description="Of time_decay")
    replicates: int = Field(
        default=100, ge=20, le=10_000, description="Of the bootstrap of algorithmic models"
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Of the intervals")
    seed: int = Field(default=0, ge=0, description="Of the bootstrap")

    @field_validator("transforms")
    @classmethod
    def _are_transforms(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return checked_transforms(names)

    @field_validator("position_weights")
    @classmethod
    def _add_up(cls, weights: tuple[float, float, float]) -> tuple[float, float, float]:
        return checked_weights(weights)

    @field_validator("models")
    @classmethod
    def _are_different(cls, models: tuple[Model, ...]) -> tuple[Model, ...]:
        if len(set(models)) != len(models):
            raise ValueError("a model stands twice in models")
        return models

    def model_id(self, model: Model) -> str:
        """Return the name of a model of this definition in tables and partitions."""
        return f"{self.journey_id}.{model}"

    @property
    def rule_models(self) -> tuple[Model, ...]:
        """Return the models whose credit the warehouse works out, touch by touch."""
        return tuple(model for model in self.models if model in RULE_MODELS)

    @property
    def algorithmic_models(self) -> tuple[Model, ...]:
        """Return the models that look at all journeys of a day and app together."""
        return tuple(model for model in self.models if model in ALGORITHMIC_MODELS)

    def canonical_json(self) -> str:
        """Return the one text that stands for this definition: sorted keys, no spaces."""
        body: dict[str, Any] = self.model_dump(mode="json")
        body["engine_version"] = ENGINE_VERSION
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def config_hash(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


_ALL_MODELS: tuple[Model, ...] = (
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
    "markov_1",
    "markov_2",
    "shapley",
)

INSTALLS = JourneyDefinition(
    journey_id="installs",
    description="First installs, and the clicks and impressions of 30 days before them",
    conversion=Conversion(kind=ConversionKind.INSTALL),
    models=_ALL_MODELS,
)

REVENUE_USD = JourneyDefinition(
    journey_id="revenue_usd",
    description="Events with revenue in US dollars, and the touches of 30 days before them",
    conversion=Conversion(kind=ConversionKind.REVENUE, currency="USD"),
    models=_ALL_MODELS,
)

DEFAULT_JOURNEYS = (INSTALLS, REVENUE_USD)

"""Multi-touch credit: how the touches of a journey share its conversion, model beside model."""

from unmogrowp.attribution.credit.bootstrap import bootstrap_paths
from unmogrowp.attribution.credit.journeys import InvalidJourneys
from unmogrowp.attribution.credit.models import (
    ALGORITHMIC_MODELS,
    MODELS,
    PATH_MODELS,
    RULE_MODELS,
    credit_paths,
)
from unmogrowp.attribution.credit.plots import plot_credit
from unmogrowp.attribution.credit.shapley import shapley_values
from unmogrowp.attribution.credit.touches import (
    TOUCH_MODELS,
    credit_touches,
    paths_from_touches,
    sum_by_channel,
)
from unmogrowp.attribution.credit.transforms import transform_paths

__all__ = [
    "ALGORITHMIC_MODELS",
    "MODELS",
    "PATH_MODELS",
    "RULE_MODELS",
    "TOUCH_MODELS",
    "InvalidJourneys",
    "bootstrap_paths",
    "credit_paths",
    "credit_touches",
    "paths_from_touches",
    "plot_credit",
    "shapley_values",
    "sum_by_channel",
    "transform_paths",
]

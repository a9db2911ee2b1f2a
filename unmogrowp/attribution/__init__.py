"""Installs and their attribution, and credit for every touch of a journey.

For people with a notebook: `credit_paths`, `credit_touches` and what belongs to them
(docs/multi_touch.md). The other modules name the SQL of the marts and publish their days.
"""

from unmogrowp.attribution.credit import (
    InvalidJourneys,
    bootstrap_paths,
    credit_paths,
    credit_touches,
    paths_from_touches,
    plot_credit,
    shapley_values,
    sum_by_channel,
    transform_paths,
)

__all__ = [
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

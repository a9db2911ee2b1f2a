"""Keeps scorecards as rows, so that rulesets and versions can be compared over time."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pyarrow as pa

from unmogrowp.clock import utc
from unmogrowp.scorecard.model import Scorecard
from unmogrowp.warehouse.client import Warehouse

TABLE = "audit.scorecards"
SCHEMA = pa.schema(
    [
        ("scored_at", pa.timestamp("ms", tz="UTC")),
        ("scorecard_id", pa.string()),
        ("shape", pa.string()),
        ("seed", pa.int64()),
        ("app_id", pa.string()),
        ("ruleset_id", pa.string()),
        ("part", pa.string()),
        ("subject", pa.string()),
        ("measure", pa.string()),
        ("hits", pa.uint64()),
        ("total", pa.uint64()),
        ("value", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
    ]
)


def record_scorecard(warehouse: Warehouse, card: Scorecard, now_ms: int) -> int:
    """Append a scorecard; the same one of the same instant again changes nothing.

    Returns how many rows it has.
    """
    content = json.dumps([now_ms, card.as_record()], sort_keys=True)
    scorecard_id = sha256(content.encode()).hexdigest()[:32]
    common = {
        "scored_at": utc(now_ms),
        "scorecard_id": scorecard_id,
        "shape": card.shape,
        "seed": card.seed,
        "app_id": card.app_id,
        "ruleset_id": card.ruleset_id,
    }
    rows = [{**common, **measure} for measure in _measures(card)]
    warehouse.insert_arrow(TABLE, pa.Table.from_pylist(rows, schema=SCHEMA), token=scorecard_id)
    return len(rows)


def _measures(card: Scorecard) -> Iterator[dict[str, Any]]:
    for part in ("decisions", "evidence", "rules"):
        for score in getattr(card, part):
            for measure in ("precision", "recall", "exact"):
                share = getattr(score, measure)
                if share is not None:
                    yield {
                        "part": part,
                        "subject": score.subject,
                        "measure": measure,
                        **share.as_record(),
                    }
    for credit in card.credit:
        for one in credit.misplaced:
            for measure, value, lower, upper in (
                ("misplaced", one.share, one.lower, one.upper),
                ("between_channels", one.between, one.between_lower, one.between_upper),
            ):
                yield {
                    "part": f"credit: {credit.title}",
                    "subject": one.model,
                    "measure": measure,
                    "hits": None,
                    "total": credit.installs,
                    "value": value,
                    "lower": lower,
                    "upper": upper,
                }

"""Are installs given to what caused them? By match type, and by the evidence there was.

An install is right when it goes to the media source that caused it, organic when nothing did, and
nowhere paid when it was made up. `exact` asks for the very touch.
"""

import json

import polars as pl

from unmogrowp.scorecard.model import Score, Share
from unmogrowp.scorecard.truth import ORGANIC, Truth

EVIDENCE = ("click_id", "device_id", "referrer", "none")
_NOTES = {
    "none": "nothing that the platform can see leads back to the ad (no consent, no id, a view)",
    "referrer": "no click was reported; the store names the source",
}


def judged(truth: Truth, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return decisions beside the truth, one row per install both know.

    Columns: message_id, kind, caused_by, evidence, decided_for, match_type (`organic` for none),
    is_right, is_exact.
    """
    decided = decisions.unique("message_id", keep="first", maintain_order=True).select(
        "message_id",
        "install_id",
        decided_for=pl.when("is_organic").then(pl.lit(ORGANIC)).otherwise("media_source"),
        match_type=pl.when("is_organic").then(pl.lit(ORGANIC)).otherwise("match_type"),
        decided_touch="touch_id",
    )
    both = truth.installs.join(decided, on="message_id", how="inner", maintain_order="left")
    # Refusing what never was is right; whom else should it go to.
    is_made_up = pl.col("caused_by") == "made up"
    return both.select(
        "message_id",
        "install_id",
        "kind",
        "caused_by",
        "evidence",
        "decided_for",
        "match_type",
        is_right=pl.when(is_made_up)
        .then(pl.col("decided_for") == ORGANIC)
        .otherwise(pl.col("decided_for") == pl.col("caused_by")),
        is_exact=(pl.col("cause_touch_id") != "")
        & (pl.col("decided_touch") == pl.col("cause_touch_id")),
    )


def by_match_type(rows: pl.DataFrame) -> tuple[Score, ...]:
    """Return the precision of each match type, and how often it found the very touch.

    A made-up install that is left organic is right, yet organic it is not: it counts for
    nobody's precision.
    """
    scores = []
    for (match_type,), group in rows.group_by("match_type", maintain_order=True):
        kept = group
        if match_type == ORGANIC:
            kept = group.filter(pl.col("caused_by") != "made up")
        exact = None if match_type == ORGANIC else _share(kept["is_exact"])
        scores.append(Score(str(match_type), precision=_share(kept["is_right"]), exact=exact))
    return tuple(sorted(scores, key=lambda one: (one.subject == ORGANIC, one.subject)))


def by_evidence(rows: pl.DataFrame) -> tuple[Score, ...]:
    """Return recall: of what ads caused by the best evidence there was, of organic, of made up."""
    caused = rows.filter(pl.col("evidence") != "")
    scores = [Score("all that ads caused", recall=_share(caused["is_right"]))]
    for name in EVIDENCE:
        group = caused.filter(pl.col("evidence") == name)
        scores.append(
            Score(
                f"caused by ads, evidence {name}",
                recall=_share(group["is_right"]),
                exact=None if name in ("none", "referrer") else _share(group["is_exact"]),
                note=_NOTES.get(name, ""),
            )
        )
    organic = rows.filter(pl.col("caused_by") == ORGANIC)
    scores.append(Score("organic", recall=_share(organic["is_right"])))
    made_up = rows.filter(pl.col("caused_by") == "made up")
    scores.append(Score("made up, paid to nobody", recall=_share(made_up["is_right"])))
    return tuple(scores)


def decides_returns(ruleset_body: str) -> bool:
    """Return whether a ruleset decides re-engagements."""
    return bool(json.loads(ruleset_body).get("reengagement", {}).get("is_on", False))


def of_returns(truth: Truth, reengagements: pl.DataFrame) -> Score:
    """Return how well people who were brought back are found, by the touch that did it.

    Recall is of the whole market, days that nobody decided among it.

    Args:
        truth: What is true.
        reengagements: touch_id of every re-engagement that was decided.
    """
    true = truth.reengagements["touch_id"].to_list()
    delivered = truth.reengagements.filter("is_delivered")["touch_id"]
    decided = reengagements["touch_id"]
    return Score(
        "brought back by retargeting",
        # A return whose own event was lost may be found by the next one.
        precision=_share(decided.is_in(true)),
        recall=_share(delivered.is_in(decided.to_list())),
        note="re-engagements of the whole market; right is the very touch",
    )


def confusion(rows: pl.DataFrame) -> tuple[tuple[str, str, int], ...]:
    """Count installs by what caused them and whom they were decided for."""
    counted = rows.group_by("caused_by", "decided_for").len().sort("caused_by", "decided_for")
    return tuple((str(a), str(b), int(n)) for a, b, n in counted.iter_rows())


def _share(is_hit: pl.Series) -> Share:
    return Share(int(is_hit.sum()), len(is_hit))

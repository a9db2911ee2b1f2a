"""Scores one market: truth from a folder, decisions from the warehouse."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from unmogrowp.scorecard import credit, decisions, fraud
from unmogrowp.scorecard.model import CreditScore, Score, Scorecard
from unmogrowp.scorecard.truth import NothingToScore, Truth, read_truth
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

CHANNEL_CREDIT = "mart.channel_credit"
# The definition of journeys whose conversions are installs.
INSTALL_JOURNEYS = "installs"
FRAUD_VERDICTS = "mart.fraud_verdicts"


def score_market(
    warehouse: Warehouse, folder: Path, app_id: str, ruleset_id: str = ""
) -> Scorecard:
    """Hold what the tables say of an app against the truth of the market it was sent.

    Without a ruleset the decisions that count are scored, each day's by its own ruleset.

    Raises:
        NothingToScore: No truth in the folder, or no decision about this market in the tables.
    """
    truth = read_truth(folder, app_id)
    params = {"app_id": app_id, "ruleset_id": ruleset_id}
    decided = warehouse.frame(named_queries.load("scorecard/decisions"), params)
    rows = decisions.judged(truth, decided)
    if rows.is_empty():
        whose = f"ruleset {ruleset_id}" if ruleset_id else "the ruleset in force"
        raise NothingToScore(
            f"{whose} has decided no install of {folder} for app {app_id}: "
            "send the market to this app and run `unmogrowp sync` first"
        )
    absent: list[str] = []
    # Where several decided, the rules are those of the newest decision.
    newest = decided.sort("installed_at")["config_hash"][-1]
    bodies = warehouse.named_rows("scorecard/ruleset_body", {"config_hash": newest})
    body = str(bodies[0][0]) if bodies else "{}"
    rules = _rules(warehouse, truth, body, decided, params, absent)
    returns = _returns(warehouse, truth, body, params, absent)
    scored = [one for one in (credit.complete_journeys(truth),) if one is not None]
    landed = _landed_credit(warehouse, truth, rows, params, absent)
    manifest = truth.manifest
    return Scorecard(
        shape=str(manifest["shape"]),
        seed=int(manifest["seed"]),
        users=int(manifest["users"]),
        days=int(manifest["days"]),
        app_id=app_id,
        ruleset_id=", ".join(sorted(set(decided["ruleset_id"]))),
        installs=rows.height,
        decisions=decisions.by_match_type(rows),
        evidence=(*decisions.by_evidence(rows), *returns),
        confusion=decisions.confusion(rows),
        rules=rules,
        credit=(*scored, *landed),
        absent=tuple(absent),
    )


def missing_columns(warehouse: Warehouse, table: str, wanted: Sequence[str]) -> list[str]:
    """Return which columns a table lacks: all of them where there is no such table."""
    database, _, name = table.partition(".")
    rows = warehouse.named_rows("scorecard/columns", {"database": database, "table": name})
    present = {str(column) for (column,) in rows}
    return [column for column in wanted if column not in present]


def _rules(
    warehouse: Warehouse,
    truth: Truth,
    body: str,
    decided: pl.DataFrame,
    params: dict[str, str],
    absent: list[str],
) -> tuple[Score, ...]:
    rules = fraud.rules_of(body)
    if not rules:
        absent.append("fraud rules: the ruleset switches none on")
        return ()
    after = None
    if missing_columns(
        warehouse, FRAUD_VERDICTS, ("rule", "mode", "scope", "site_id", "install_id")
    ):
        absent.append(f"{FRAUD_VERDICTS}: rules about installs and publishers are not scored")
    else:
        after = warehouse.frame(named_queries.load("scorecard/verdicts_after"), params)
    candidates = warehouse.frame(named_queries.load("scorecard/candidates"), params)
    return fraud.score_rules(truth, rules, candidates, decided, after)


def _returns(
    warehouse: Warehouse, truth: Truth, body: str, params: dict[str, str], absent: list[str]
) -> tuple[Score, ...]:
    if not decisions.decides_returns(body):
        absent.append("re-engagements: the ruleset does not decide them")
        return ()
    found = warehouse.frame(named_queries.load("scorecard/reengagements"), params)
    return (decisions.of_returns(truth, found),)


def _landed_credit(
    warehouse: Warehouse,
    truth: Truth,
    rows: pl.DataFrame,
    params: dict[str, str],
    absent: list[str],
) -> list[CreditScore]:
    """Score what the platform's own credit tables say, by day of the install."""
    missing = missing_columns(
        warehouse, CHANNEL_CREDIT, ("model_id", "day", "app_id", "channel", "conversions")
    )
    if missing:
        absent.append(f"{CHANNEL_CREDIT}: models on landed journeys are not scored")
        return []
    found = warehouse.frame(
        named_queries.load("scorecard/channel_credit"), {**params, "journey_id": INSTALL_JOURNEYS}
    )
    if found.is_empty():
        absent.append(f"{CHANNEL_CREDIT}: no credit of the app's {INSTALL_JOURNEYS}")
        return []
    return [credit.landed_journeys(truth, rows, found)]

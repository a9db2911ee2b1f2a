"""Do fraud rules fire at fraud, at all of it, and at nothing else?

Rules about candidates are judged by the touches they fired at, rules about installs by the
installs, rules about publishers by the publishers, over the whole market. `precision`: of what a
rule fired at, how much is fraud of any kind. `recall`: of the kinds it aims at, how much it found;
its total is 0 where the market has none.
"""

import json
from collections.abc import Mapping

import polars as pl

from unmogrowp.rulesets.fraud_rules import FraudRuleDefinition, fraud_rules
from unmogrowp.scorecard.model import Score, Share
from unmogrowp.scorecard.truth import MADE_UP, Truth

# What each rule is meant to find, in the words of the truth.
AIMS: Mapping[str, tuple[str, ...]] = {
    "click_injection.after_begin": ("click_injection",),
    "click_injection.ctit_short": ("click_injection",),
    "click_flood.flat_ctit": ("click_flooding",),
    "click_flood.cti": ("click_flooding", "click_stacking", "click_hammering"),
    "hyper_engagement": ("click_hammering",),
    "mtti_outlier": ("click_flooding", "click_injection"),
    "anonymous_ip": ("sdk_spoofing",),
    "malformed_id": ("sdk_spoofing",),
    "ip_density": MADE_UP,
    "new_device_rate": MADE_UP,
    "retention_zero": MADE_UP,
    "ad_stacking": ("click_stacking",),
    "geo_mismatch": MADE_UP,
    "referrer_mismatch": ("click_injection",),
    "event_velocity": ("sdk_spoofing",),
}


def rules_of(ruleset_body: str) -> list[tuple[str, str]]:
    """Return code and mode of the fraud rules that a ruleset switches on, in its order."""
    rules = json.loads(ruleset_body).get("fraud", [])
    used = ((one["rule_id"], one.get("mode", "flag")) for one in rules)
    return list(dict.fromkeys((code, mode) for code, mode in used if mode != "off"))


def in_mode(code: str, mode: str) -> str:
    """Return how a rule in a mode is named: the queries write the same."""
    return f"{code} ({mode})"


def score_rules(
    truth: Truth,
    rules: list[tuple[str, str]],
    candidates: pl.DataFrame,
    decisions: pl.DataFrame,
    after: pl.DataFrame | None,
) -> tuple[Score, ...]:
    """Return one score per rule.

    Args:
        truth: What is true.
        rules: Codes and modes of the rules that were on.
        candidates: install_id, touch_id, rules (those that fired, as `in_mode` names them).
        decisions: message_id, install_id.
        after: rule_in_mode, scope, install_id, media_source, site_id; None where there is no such
            table.
    """
    catalogue = fraud_rules()
    touches = candidates.join(truth.touches.select("touch_id", "fraud"), on="touch_id", how="left")
    # Touches made from a referrer are in no list of touches; nobody clicked fraudulently there.
    touches = touches.with_columns(pl.col("fraud").fill_null(""))
    installs = decisions.join(
        truth.installs.select("message_id", "kind"), on="message_id", how="inner"
    ).with_columns(fraud=pl.when(pl.col("kind").is_in(MADE_UP)).then("kind").otherwise(pl.lit("")))
    scores = []
    for code, mode in rules:
        rule, name = catalogue.get(code), in_mode(code, mode)
        if rule is None:
            scores.append(Score(name, note="not in the catalogue of this version"))
        elif rule.kind == "candidate":
            fired = touches["rules"].list.contains(name)
            scores.append(_score(rule, name, touches["fraud"], fired, "touches considered"))
        elif after is None:
            scores.append(Score(name, note="mart.fraud_verdicts is absent"))
        elif rule.kind == "install":
            hit = after.filter((pl.col("rule_in_mode") == name) & (pl.col("scope") == "install"))
            fired = installs["install_id"].is_in(hit["install_id"].to_list())
            scores.append(_score(rule, name, installs["fraud"], fired, "installs"))
        else:
            scores.append(_publisher_score(rule, name, truth, after))
    return tuple(scores)


def _score(
    rule: FraudRuleDefinition, name: str, fraud: pl.Series, fired: pl.Series, unit: str
) -> Score:
    aimed = fraud.is_in(list(AIMS.get(rule.code, ())))
    return Score(
        name,
        precision=Share(int((fired & (fraud != "")).sum()), int(fired.sum())),
        recall=Share(int((fired & aimed).sum()), int(aimed.sum())),
        note=unit,
    )


def _publisher_score(
    rule: FraudRuleDefinition, name: str, truth: Truth, after: pl.DataFrame
) -> Score:
    """Judge by publisher: one that sent any fraud cheats, whatever else it shows."""
    sites = truth.touches.group_by("media_source", "site_id").agg(
        kinds=pl.col("fraud").unique().drop_nulls()
    )
    sites = sites.with_columns(kinds=pl.col("kinds").list.set_difference([""]))
    hit = after.filter((pl.col("rule_in_mode") == name) & (pl.col("scope") == "publisher"))
    flagged = hit.select("media_source", "site_id", fired=pl.lit(True)).unique()
    judged = sites.join(flagged, on=["media_source", "site_id"], how="left").with_columns(
        pl.col("fired").fill_null(False)
    )
    aims = list(AIMS.get(rule.code, ()))
    aimed = judged["kinds"].list.set_intersection(aims).list.len() > 0
    cheats = judged["kinds"].list.len() > 0
    fired = judged["fired"]
    return Score(
        name,
        precision=Share(int((fired & cheats).sum()), int(fired.sum())),
        recall=Share(int((fired & aimed).sum()), int(aimed.sum())),
        note="publishers",
    )

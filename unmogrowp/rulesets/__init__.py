"""Rulesets: the rules of attribution as versioned, hashed data."""

from unmogrowp.rulesets.files import RulesetInvalid, parse_ruleset, read_ruleset
from unmogrowp.rulesets.model import MatchMethod, MatchRule, Ruleset, TouchType, WindowOverride
from unmogrowp.rulesets.policies import FraudMode, FraudRule
from unmogrowp.rulesets.presets import OURS, PRESETS

__all__ = [
    "OURS",
    "PRESETS",
    "FraudMode",
    "FraudRule",
    "MatchMethod",
    "MatchRule",
    "Ruleset",
    "RulesetInvalid",
    "TouchType",
    "WindowOverride",
    "parse_ruleset",
    "read_ruleset",
]

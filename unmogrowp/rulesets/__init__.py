"""Rulesets: the rules of attribution as versioned, hashed data."""

from unmogrowp.rulesets.model import MatchMethod, MatchRule, Ruleset, TouchType
from unmogrowp.rulesets.presets import OURS, PRESETS

__all__ = ["OURS", "PRESETS", "MatchMethod", "MatchRule", "Ruleset", "TouchType"]

"""Fraud: publishers against their app's baseline, verdicts, and reviews that can be taken back.

The rules themselves are data of `unmogrowp.rulesets.fraud_rules`; rules about candidates are
evaluated while installs are decided, by `warehouse/queries/fraud`.
"""

"""Rulesets: attribution rules as data, hashed and versioned."""

"""Decisions, fraud verdicts and credit held against a truth that somebody else wrote down."""

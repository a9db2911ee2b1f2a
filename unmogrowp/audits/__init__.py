"""Audits: reconciliation between layers, completeness, and the reports people read."""

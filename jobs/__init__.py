"""Dagster jobs people launch."""

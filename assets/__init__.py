"""Dagster assets, one module per group, each a thin call into the library."""

"""Installs and their attribution: names the SQL of the marts and publishes their days."""

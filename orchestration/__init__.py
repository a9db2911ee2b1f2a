"""Wiring only: definitions, resources, schedules, sensors, hooks."""

"""Seeded generators and timed scenarios."""

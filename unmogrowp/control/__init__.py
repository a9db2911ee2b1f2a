"""The control database: apps, write keys, the audit log (PostgreSQL)."""

"""Contracts on the wire: topics, record headers, items, touches, rejection codes."""

"""Requests reach the collector in two ways; what it answers does not depend on them."""

import pytest

from tests.fakes.collector import FakeCollector


@pytest.fixture(params=["connection", "asgi"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a test run once with each way."""
    monkeypatch.setattr(FakeCollector, "is_asgi", request.param == "asgi")
    return str(request.param)

"""Which app a market is scored for, and what is said where nobody can know."""

import pytest
from typer.testing import CliRunner

from cli.main import build
from cli.scorecard import _app_of
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.sent import SentSoFar


def test_the_app_is_the_one_the_market_was_sent_to(tmp_path):
    SentSoFar(tmp_path, "app_1").set(10)
    assert _app_of(tmp_path) == "app_1"


def test_an_app_that_nobody_noted_has_to_be_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no app from here: name the app with --app-id"):
        _app_of(tmp_path)
    SentSoFar(tmp_path, "app_1").set(10)
    SentSoFar(tmp_path, "app_2").set(10)
    with pytest.raises(ConfigurationError, match="app_1, app_2: name the app"):
        _app_of(tmp_path)


def test_without_a_warehouse_it_says_what_to_do(tmp_path):
    result = CliRunner().invoke(
        build("scorecard"),
        ["scorecard", "--truth", str(tmp_path)],
        env={"UNMOGROWP_HOME": str(tmp_path / "home")},
    )
    assert isinstance(result.exception, ConfigurationError)
    assert "unmogrowp up" in str(result.exception)

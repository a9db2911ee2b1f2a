"""The command that makes markets: files, messages, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import build
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.replay import read_requests


def run(*arguments):
    result = CliRunner().invoke(build("simulate"), ["simulate", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def small(out, *more):
    return run("--users", 40, "--days", 3, "--end", "2026-09-24", "--out", out, *more)


def test_it_writes_a_market_and_prints_its_manifest(tmp_path):
    result = small(tmp_path / "market", "--seed", 4, "--json")
    manifest = json.loads(result.stdout)
    assert result.exit_code == 0
    assert manifest["seed"] == 4
    assert (manifest["start"][:10], manifest["end"][:10]) == ("2026-09-21", "2026-09-24")
    requests = list(read_requests(tmp_path / "market"))
    assert len(requests) == manifest["counts"]["requests"] > 0


def test_people_read_what_was_made_and_where_it_lies(tmp_path):
    result = small(tmp_path / "m")
    assert "mature_app, seed 1" in result.stdout
    assert "requests.ndjson.gz" in result.stdout


def test_a_printed_market_can_be_changed_and_played(tmp_path):
    printed = run("--print-market", "--shape", "fraud_heavy_launch").stdout
    changed = {**json.loads(printed), "shape": "mine"}
    (tmp_path / "mine.json").write_text(json.dumps(changed))
    result = small(tmp_path / "out", "--market", tmp_path / "mine.json", "--json")
    assert json.loads(result.stdout)["shape"] == "mine"
    assert Market.model_validate(json.loads(result.stdout)["market"]).shape == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "--out FOLDER", id="nowhere to write"),
        pytest.param(["--shape", "odd", "--out", "x"], "no market shape 'odd'", id="shape"),
        pytest.param(["--end", "soon", "--out", "x"], "takes a date", id="date"),
        pytest.param(["--market", "/nowhere.json", "--out", "x"], "cannot be read", id="file"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_sentence(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_market_file_that_is_none_says_what_is_wrong(tmp_path):
    (tmp_path / "broken.json").write_text('{"shape": "x"}')
    with pytest.raises(ConfigurationError, match="population"):
        small(tmp_path / "out", "--market", tmp_path / "broken.json")

"""`unmogrowp fraud …` over the engine in this process."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import cli.fraud
from cli.main import build
from tests.engine import engine
from tests.integration.fraud.test_reviews import FLAT, load
from tests.integration.fraud.test_shadow import STORY
from tests.integration.fraud.test_shadow import load as load_story
from unmogrowp.rulesets import OURS


@pytest.fixture
def run(monkeypatch):
    @contextmanager
    def warehouse(*, as_analyst: bool = False):
        yield engine()

    @contextmanager
    def lock(url, password, *, wait_s):
        yield None

    postgres = SimpleNamespace(url="postgresql://nobody", password=SecretStr(""))
    monkeypatch.setattr(cli.fraud, "_warehouse", warehouse)
    monkeypatch.setattr(cli.fraud, "pipeline_lock", lock)
    monkeypatch.setattr(cli.fraud, "deciding_versions", lambda *_: [OURS])
    monkeypatch.setattr(cli.fraud, "load_settings", lambda: SimpleNamespace(postgres=postgres))
    app = build("fraud")

    def command(*words: str):
        return CliRunner().invoke(app, ["fraud", *words])

    return command


def test_rules_are_listed_for_programs(run):
    listed = json.loads(run("rules", "--json").stdout)
    assert len(listed) == 18
    assert listed[0]["code"] == "click_injection.after_begin"


def test_a_finding_is_listed_confirmed_and_taken_back(run):
    load(("s", FLAT, 30))
    assert run("review", "list").exit_code == 0
    (found,) = json.loads(run("review", "list", "--json").stdout)
    assert (found["site_id"], found["state"]) == ("s", "open")
    review_id = found["review_id"]
    confirmed = run(
        "review", "confirm", review_id[:6], "--why", "it is", "--from", "2026-01-29",
        "--to", "2026-01-31",
    )  # fmt: skip
    assert confirmed.exit_code == 0, confirmed.output
    assert "confirm: click_flood.flat_ctit about net s of app" in confirmed.output
    assert run("review", "list").stdout.startswith("Nothing waits for a decision.")
    (shown,) = json.loads(run("review", "list", "--all", "--json").stdout)
    assert (shown["state"], shown["reason"]) == ("confirmed", "it is")
    assert run("review", "undo", review_id, "--why", "it is not").exit_code == 0
    (again,) = json.loads(run("review", "list", "--json").stdout)
    assert again["state"] == "open"
    assert run("review", "dismiss", review_id, "--why", "rewarded").exit_code == 0


def test_a_decision_needs_a_reason(run):
    load(("s", FLAT, 30))
    assert run("review", "dismiss", "abcd").exit_code == 2


def test_the_shadow_report_is_a_table_json_and_a_plot(run, tmp_path):
    load_story(STORY)
    span = ("--rule", "hyper_engagement", "--from", "2026-01-04", "--to", "2026-01-04")
    plot = tmp_path / "moves.svg"
    told = run("shadow", *span, "--plot", str(plot))
    assert told.exit_code == 0, told.output
    assert "3 of 5 installs would move" in " ".join(told.output.split())
    assert plot.read_text().startswith("<svg")
    assert json.loads(run("shadow", *span, "--json").stdout)["moved_installs"] == 3


def test_a_rule_that_moves_nothing_says_why_that_may_be(run):
    load_story(STORY)
    told = run("shadow", "--rule", "ip_density", "--from", "2026-01-04", "--to", "2026-01-04")
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert "none of 5 installs would move" in said
    assert "unmogrowp fraud judge" in said


def test_a_rule_that_does_not_exist_is_named(run):
    failed = run("shadow", "--rule", "nonsense", "--from", "2026-01-04", "--to", "2026-01-04")
    assert "there is no fraud rule nonsense" in str(failed.exception)


def test_a_list_of_networks_is_loaded(run, tmp_path):
    file = tmp_path / "tor.txt"
    file.write_text("# exits\n192.0.2.1\n198.51.100.0/24\n")
    told = run("networks", str(file), "--list", "tor", "--kind", "tor")
    assert told.stdout.strip() == "tor: 2 networks in 2 ranges of prefixes"
    assert "cannot be read" in str(
        run("networks", str(tmp_path / "no"), "--list", "tor", "--kind", "tor").exception
    )

"""Rulesets in a real PostgreSQL: added once, promoted by an act, never changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from local_stack.postgres import running_postgres
from tests.running_stack import open_folder
from unmogrowp.control.apps import Actor, Refused, create_app
from unmogrowp.control.database import build_engine, downgrade, session, upgrade
from unmogrowp.control.rulesets import (
    add_ruleset,
    find_ruleset,
    list_promotions,
    list_rulesets,
    promote_ruleset,
)
from unmogrowp.control.tables import StoredRuleset
from unmogrowp.errors import PermanentError
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.rulesets.assignment import primary_of
from unmogrowp.rulesets.fraud_rules import fraud_rule

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WHO = {"actor": "ada", "at": NOW}
DAY = date(2026, 12, 1)


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    with open_folder("unmogrowp-test-") as folder, running_postgres(folder) as url:
        upgrade(url)
        downgrade(url)
        upgrade(url)
        made = build_engine(url)
        yield made
        made.dispose()


@pytest.fixture
def opened(engine: sa.Engine) -> Iterator[Session]:
    """A transaction that leaves nothing behind."""
    with Session(engine) as made, made.begin() as transaction:
        yield made
        transaction.rollback()


def mine(version: int = 1, tier: int = 1) -> Ruleset:
    return OURS.model_copy(
        update={
            "ruleset_id": "mine",
            "version": version,
            "rules": tuple(one.model_copy(update={"tier": tier}) for one in OURS.rules),
        }
    )


def acts(opened: Session) -> list[tuple[str, str, dict[str, object]]]:
    opened.flush()
    rows = opened.execute(sa.text("SELECT actor, action, detail FROM audit_log ORDER BY entry_id"))
    return [(row.actor, row.action, row.detail) for row in rows]


def test_a_ruleset_comes_back_as_it_was_given(opened: Session) -> None:
    assert add_ruleset(opened, mine(), **WHO)
    assert find_ruleset(opened, "mine") == mine()
    assert not add_ruleset(opened, mine(), **WHO), "again"
    assert [one.config_hash for one in list_rulesets(opened)] == [mine().config_hash]
    assert [(who, what) for who, what, _ in acts(opened)] == [("ada", "ruleset.add")]


def test_other_rules_need_another_version(opened: Session) -> None:
    add_ruleset(opened, mine(2), **WHO)
    with pytest.raises(Refused, match="raise the version"):
        add_ruleset(opened, mine(2, tier=4), **WHO)
    with pytest.raises(Refused, match="has version 2 already"):
        add_ruleset(opened, mine(1), **WHO)
    add_ruleset(opened, mine(3, tier=4), **WHO)
    assert find_ruleset(opened, "mine").version == 3
    assert find_ruleset(opened, "mine", 2) == mine(2)


def test_the_names_of_presets_are_taken(opened: Session) -> None:
    with pytest.raises(Refused, match="name of a preset"):
        add_ruleset(opened, mine().model_copy(update={"ruleset_id": "ours"}), **WHO)


def keep_as_an_older_engine_did(opened: Session, **changes: object) -> None:
    rule = {"rule_id": "ad_stacking", "version": 1, "mode": "flag", "parameters": {}, **changes}
    body = mine().model_dump(mode="json") | {"fraud": [rule]}
    opened.add(
        StoredRuleset(
            ruleset_id="mine",
            version=1,
            config_hash="of another engine",
            body=body,
            added_at=NOW,
            added_by="ada",
        )
    )
    opened.flush()
    opened.expire_all()


def test_a_kept_ruleset_outlives_a_change_of_its_rules_and_says_so(
    opened: Session, caplog: pytest.LogCaptureFixture
) -> None:
    keep_as_an_older_engine_did(opened)
    promote_ruleset(opened, "mine", DAY, **WHO)
    (promotion,) = list_promotions(opened)
    assert promotion.ruleset.fraud[0].version == fraud_rule("ad_stacking").version > 1
    assert "ad_stacking was kept for version 1 and is applied as it is now" in caplog.text


def test_a_kept_ruleset_that_means_nothing_any_more_is_named(opened: Session) -> None:
    keep_as_an_older_engine_did(opened, parameters={"gone": 3})
    with pytest.raises(PermanentError, match=r"mine version 1 was kept by an older engine.*gone"):
        find_ruleset(opened, "mine")


def test_what_is_not_there_is_refused(opened: Session) -> None:
    with pytest.raises(Refused, match="no ruleset nothing"):
        find_ruleset(opened, "nothing")
    with pytest.raises(Refused, match="no ruleset ours version 9"):
        find_ruleset(opened, "ours", 9)
    with pytest.raises(Refused, match="no app app_x"):
        promote_ruleset(opened, "ours", DAY, app_id="app_x", **WHO)


def test_a_promotion_is_recorded_with_who_when_from_what_and_to_what(opened: Session) -> None:
    add_ruleset(opened, mine(), **WHO)
    promote_ruleset(opened, "mine", DAY, **WHO)
    who, what, detail = acts(opened)[-1]
    assert (who, what) == ("ada", "ruleset.promote")
    assert detail == {
        "app_id": "",
        "effective_from": "2026-12-01",
        "from_ruleset": "ours",
        "from_version": 1,
        "from_config_hash": OURS.config_hash,
        "to_version": 1,
        "to_config_hash": mine().config_hash,
    }
    promotions = list_promotions(opened)
    assert primary_of(promotions, "any", DAY) == mine()
    assert primary_of(promotions, "any", date(2026, 11, 30)) == OURS
    with pytest.raises(Refused, match="already"):
        promote_ruleset(opened, "mine", date(2026, 12, 5), **WHO)


def test_a_preset_is_kept_by_its_promotion(opened: Session) -> None:
    key = create_app(opened, Actor("ada", NOW, b"p" * 32), "Runner")
    promote_ruleset(opened, "adjust_like", DAY, app_id=key.app_id, **WHO)
    promotions = list_promotions(opened)
    assert primary_of(promotions, key.app_id, DAY).ruleset_id == "adjust_like"
    assert primary_of(promotions, "other", DAY) == OURS


def test_two_apps_cannot_use_two_versions_of_one_ruleset(opened: Session) -> None:
    key = create_app(opened, Actor("ada", NOW, b"p" * 32), "Runner")
    add_ruleset(opened, mine(), **WHO)
    promote_ruleset(opened, "mine", DAY, app_id=key.app_id, **WHO)
    add_ruleset(opened, mine(2, tier=4), **WHO)
    with pytest.raises(Refused, match="share its partitions"):
        promote_ruleset(opened, "mine", DAY, **WHO)
    promote_ruleset(opened, "mine", DAY, app_id=key.app_id, **WHO)


@pytest.mark.parametrize("table", ["rulesets", "ruleset_promotions"])
@pytest.mark.parametrize(
    "statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET version = 9"]
)
def test_nothing_is_changed_or_removed(opened: Session, table: str, statement: str) -> None:
    add_ruleset(opened, mine(), **WHO)
    promote_ruleset(opened, "mine", DAY, **WHO)
    opened.flush()
    with pytest.raises(sa.exc.DBAPIError, match="only added"), opened.begin_nested():
        opened.execute(sa.text(statement.format(table)))


def test_a_failed_act_leaves_nothing(engine: sa.Engine) -> None:
    def fail() -> None:
        with session(engine) as made:
            add_ruleset(made, mine(7), **WHO)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with session(engine) as made:
        assert list_rulesets(made) == []

"""Through HTTP to attributed installs: exact rows for every shape, on the real stack."""

from typing import Any

import pytest

from tests.e2e.decisions import SCENARIOS, Candidate, Decision, Scenario
from tests.e2e.platform import Platform
from tests.e2e.played import DECISIONS, Played

pytestmark = pytest.mark.stack

_DECISIONS = """
    SELECT
        a.media_source, a.organic_reason, a.match_type, a.touch_type, a.ctit_ms, a.window_ms,
        a.candidate_count, a.eligible_count, arrayMap(assist -> assist.2, a.assists),
        a.conversion_kind, toUnixTimestamp64Milli(a.installed_at) - {installed_ms:Int64},
        i.is_implied
    FROM mart.attributed_installs AS a
    INNER JOIN mart.installs AS i ON a.app_id = i.app_id AND a.install_id = i.install_id
    WHERE a.app_id = {app:String} AND a.ruleset_id = 'ours' AND i.anonymous_id = {phone:String}
    ORDER BY a.installed_at, i.ordinal"""

_CANDIDATES = """
    SELECT media_source, match_type, age_ms, rank, verdict, reason
    FROM mart.attribution_candidates
    WHERE app_id = {app:String} AND ruleset_id = 'ours'
      AND install_id IN (
        SELECT install_id FROM mart.installs
        WHERE app_id = {app:String} AND anonymous_id = {phone:String})
    ORDER BY rank = 0, rank, touch_id"""


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def test_everything_that_was_sent_is_landed_attributed_and_reconciled(played: Played) -> None:
    assert played.synced, played.synced


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.shape)
def test_decision_is_exactly_the_expected_one(
    scenario: Scenario, platform: Platform, played: Played
) -> None:
    rows = platform.sql(
        _DECISIONS,
        app=played.app_id(DECISIONS),
        phone=scenario.phone.anonymous_id,
        installed_ms=scenario.installed_ms(played.now_ms),
    )
    found = tuple(Decision(*map(_tuple, row)) for row in rows)
    assert found == scenario.decisions


@pytest.mark.parametrize(
    "scenario",
    [scenario for scenario in SCENARIOS if scenario.candidates is not None],
    ids=lambda scenario: scenario.shape,
)
def test_every_touch_considered_is_there_with_its_reason(
    scenario: Scenario, platform: Platform, played: Played
) -> None:
    rows = platform.sql(
        _CANDIDATES, app=played.app_id(DECISIONS), phone=scenario.phone.anonymous_id
    )
    assert tuple(Candidate(*row) for row in rows) == scenario.candidates


def test_copies_of_events_and_touches_are_kept_once_and_counted(
    platform: Platform, played: Played
) -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.copies > 1)
    (row,) = platform.sql(
        """
        WITH
            events AS (
                SELECT message_id FROM clean.events
                WHERE app_id = {app:String} AND anonymous_id = {phone:String}),
            touches AS (
                SELECT touch_id FROM clean.touches
                WHERE app_id = {app:String} AND click_id = {click_id:String}),
            copies AS (SELECT kind, message_id FROM clean.duplicates WHERE app_id = {app:String})
        SELECT
            (SELECT count() FROM events),
            (SELECT count() FROM touches),
            (SELECT count() FROM copies WHERE kind = 'event' AND message_id IN (events)),
            (SELECT count() FROM copies WHERE kind = 'touch' AND message_id IN (touches))""",
        app=played.app_id(DECISIONS),
        phone=scenario.phone.anonymous_id,
        click_id=scenario.click_id(scenario.touches[0]),
    )
    assert row == (1, 1, 2, 1)


def test_no_install_has_two_decisions_and_none_has_no_decision(
    platform: Platform, played: Played
) -> None:
    rows = platform.sql(
        """
        SELECT i.app_id, i.install_id, countIf(a.install_id != '')
        FROM mart.installs AS i
        LEFT JOIN
        (
            SELECT app_id, install_id FROM mart.attributed_installs
            WHERE ruleset_id = 'ours' AND is_primary
        ) AS a
            ON a.app_id = i.app_id AND a.install_id = i.install_id
        GROUP BY i.app_id, i.install_id
        HAVING countIf(a.install_id != '') != 1"""
    )
    assert rows == []


def test_reconciliation_of_the_sync_compared_every_identity_and_found_no_difference(
    platform: Platform, played: Played
) -> None:
    assert played.synced, played.synced
    rows = platform.sql(
        """
        SELECT identity, sum(left_count) > 0, countIf(difference != 0)
        FROM audit.reconciliation
        WHERE audit_id = (SELECT argMax(audit_id, (audited_at, audit_id)) FROM audit.reconciliation)
        GROUP BY identity ORDER BY identity"""
    )
    assert [(identity, bool(compared), int(wrong)) for identity, compared, wrong in rows] == [
        ("collector", True, 0),
        ("dead_letters", True, 0),
        ("installs", True, 0),
        ("items", True, 0),
        ("revenue", True, 0),
        ("stream", True, 0),
    ]

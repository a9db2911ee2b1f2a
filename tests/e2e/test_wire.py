"""What becomes of requests that are unusual: their answers, and their rows."""

from collections import Counter

import pytest
import requests

from tests.e2e.messages import HOUR_MS, MINUTE_MS
from tests.e2e.platform import Platform
from tests.e2e.played import Played
from tests.e2e.wire import RECORDED, SKEW_MS, recorded_requests

pytestmark = pytest.mark.stack


def statuses(answers: list[requests.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def counts(answer: requests.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("X-Accepted"), answer.headers.get("X-Rejected")


def event_names(platform: Platform, played: Played, story: str) -> list[str]:
    rows = platform.sql(
        "SELECT event_name FROM clean.events WHERE app_id = {app:String} ORDER BY event_name",
        app=played.app_id(story),
    )
    return [str(name) for (name,) in rows]


def failures(platform: Platform, played: Played, story: str) -> list[tuple[str, str, int]]:
    rows = platform.sql(
        "SELECT level, code, item_index FROM clean.failed WHERE app_id = {app:String}"
        " ORDER BY received_at, item_index, code",
        app=played.app_id(story),
    )
    return [(str(level), str(code), int(index)) for level, code, index in rows]


@pytest.mark.parametrize("story", ["poison_number", "poison_text"])
def test_poison_costs_only_its_own_item(story: str, platform: Platform, played: Played) -> None:
    assert statuses(played.answers[story]) == [200]
    assert event_names(platform, played, story) == ["after", "before"]
    assert failures(platform, played, story) == [("item", "parse.engine", 1)]


def test_a_bad_item_is_refused_by_itself_and_kept(platform: Platform, played: Played) -> None:
    (answer,) = played.answers["one_bad_item"]
    assert (answer.status_code, counts(answer)) == (200, ("2", "1"))
    assert event_names(platform, played, "one_bad_item") == ["first", "last"]
    assert failures(platform, played, "one_bad_item") == [("item", "schema.missing_field", 1)]


def test_strict_clients_are_told_what_was_refused(platform: Platform, played: Played) -> None:
    some, none = played.answers["strict"]
    assert (some.status_code, none.status_code) == (200, 422)
    assert [(bad["index"], bad["code"]) for bad in some.json()["rejected"]] == [
        (1, "schema.missing_field")
    ]
    assert none.json()["accepted"] == 0
    assert [(bad["index"], bad["code"]) for bad in none.json()["rejected"]] == [
        (0, "schema.missing_field"),
        (1, "identity.none"),
    ]
    assert event_names(platform, played, "strict") == ["first"]


def test_unreadable_bodies_are_refused_and_kept_as_dead_letters(
    platform: Platform, played: Played
) -> None:
    answers = played.answers["unreadable"]
    assert statuses(answers) == [400, 400, 400]
    codes = [answer.json()["error"] for answer in answers]
    assert codes == ["parse.json", "parse.gzip", "parse.json"]
    kept = platform.sql(
        "SELECT level, code, bytes FROM clean.failed WHERE app_id = {app:String}"
        " ORDER BY received_at",
        app=played.app_id("unreadable"),
    )
    assert [(level, code) for level, code, _ in kept] == [("request", code) for code in codes]
    assert kept[2][2] in ("not JSON at all", b"not JSON at all")


def test_compressed_bodies_and_keys_in_bodies_count(platform: Platform, played: Played) -> None:
    assert statuses(played.answers["gzipped"]) == [200, 200]
    assert event_names(platform, played, "gzipped") == ["packed", "single"]


def test_a_revoked_key_is_refused_within_five_seconds_and_what_it_sent_before_stays(
    platform: Platform, played: Played
) -> None:
    assert statuses(played.answers["revoked_key"]) == [200, 401]
    assert event_names(platform, played, "revoked_key") == ["before"]


def test_a_clock_two_hours_fast_is_corrected_by_what_the_collector_saw(
    platform: Platform, played: Played
) -> None:
    assert statuses(played.answers["fast_clock"]) == [200, 200]
    ((skew_ms, seen_skew_ms, correction_ms, source, ctit_ms),) = platform.sql(
        """
        SELECT e.clock_skew_ms,
               toUnixTimestamp64Milli(e.received_at) - toUnixTimestamp64Milli(e.sent_at),
               toUnixTimestamp64Milli(e.occurred_at) - toUnixTimestamp64Milli(e.original_at),
               a.media_source, a.ctit_ms
        FROM clean.events AS e
        INNER JOIN mart.attributed_installs AS a ON a.app_id = e.app_id
        WHERE e.app_id = {app:String} AND a.ruleset_id = 'ours'""",
        app=played.app_id("fast_clock"),
    )
    assert skew_ms == seen_skew_ms == correction_ms
    # What is left beside two hours is the time that the requests took.
    sending_ms = skew_ms + SKEW_MS
    assert 0 <= sending_ms < 10 * MINUTE_MS
    assert (source, ctit_ms) == ("alpha", 10 * MINUTE_MS + sending_ms)


def test_a_phone_of_1970_installs_a_minute_before_it_sends(
    platform: Platform, played: Played
) -> None:
    rows = platform.sql(
        "SELECT toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at)"
        " FROM clean.events WHERE app_id = {app:String}",
        app=played.app_id("phone_of_1970"),
    )
    assert rows == [(MINUTE_MS,)]


def test_the_future_becomes_receipt_and_the_ancient_is_refused(
    platform: Platform, played: Played
) -> None:
    rows = platform.sql(
        "SELECT event_name, occurred_at = received_at, time_flags FROM clean.events"
        " WHERE app_id = {app:String}",
        app=played.app_id("times"),
    )
    assert [(name, bool(at_receipt), list(flags)) for name, at_receipt, flags in rows] == [
        ("future", True, ["time.future"])
    ]
    assert failures(platform, played, "times") == [("item", "time.too_old", 1)]


def test_touches_are_the_same_rows_as_link_form_and_json(
    platform: Platform, played: Played
) -> None:
    answers = played.answers["touch_forms"]
    assert statuses(answers) == [200, 200, 200]
    rows = platform.sql(
        """
        SELECT touch_type, media_source, campaign, site_id,
               {now:Int64} - toUnixTimestamp64Milli(touch_at), cost_model, toString(cost_value),
               cost_currency, params['creative'], groupArray(click_id), uniqExact(touch_id)
        FROM (SELECT * FROM clean.touches WHERE app_id = {app:String} ORDER BY click_id)
        GROUP BY ALL""",
        app=played.app_id("touch_forms"),
        now=played.now_ms,
    )
    assert rows == [
        (
            *("click", "alpha", "spring", "pub-1", HOUR_MS, "cpc", "0.12", "EUR", "blue"),
            ["by-form", "by-json", "by-link"],
            3,
        )
    ]


def test_recorded_sdk_requests_replayed_twice_count_once(
    platform: Platform, played: Played
) -> None:
    assert len({file.parent.name for file in RECORDED.glob("*/*.json")}) == 2
    answers = played.answers["recorded"]
    assert set(statuses(answers)) == {200}
    assert {counts(answer)[1] for answer in answers} == {"0"}
    sent = Counter(
        item["messageId"]
        for request in recorded_requests() * 2
        for item in request["body_json"]["batch"]
    )
    app = played.app_id("recorded")
    kept = platform.sql(
        "SELECT message_id, count() FROM clean.events WHERE app_id = {app:String}"
        " GROUP BY message_id",
        app=app,
    )
    assert Counter(dict(kept)) == Counter(dict.fromkeys(sent, 1))
    copies = platform.sql(
        "SELECT message_id, count() FROM clean.duplicates"
        " WHERE app_id = {app:String} AND kind = 'event' GROUP BY message_id",
        app=app,
    )
    assert Counter(dict(copies)) == sent - Counter(dict.fromkeys(sent, 1))
    compared = platform.sql(
        """
        SELECT sum(left_count), sum(right_count), sum(abs(difference))
        FROM audit.reconciliation
        WHERE app_id = {app:String} AND identity = 'items'
          AND audit_id = (SELECT argMax(audit_id, (audited_at, audit_id)) FROM audit.reconciliation)
        """,
        app=app,
    )
    assert [tuple(map(int, row)) for row in compared] == [(sent.total(), sent.total(), 0)]


def test_the_time_a_client_states_beats_the_time_it_originally_sent(
    platform: Platform, played: Played
) -> None:
    (row,) = platform.sql(
        """
        SELECT uniqExact(sdk_name), countIf(toDate(occurred_at) = '2026-01-02') > 0
        FROM clean.events WHERE app_id = {app:String} AND event_name = 'Level Completed'""",
        app=played.app_id("recorded"),
    )
    assert (int(row[0]), bool(row[1])) == (2, True)

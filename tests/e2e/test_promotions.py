"""A second ruleset is promoted on the real stack, decides from its day on, and is taken back."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.messages import HOUR_MS, INSTALLED, Device, batch, iso, track
from tests.e2e.platform import App, Finished, Platform
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.warehouse.content_hash import content_hash

pytestmark = pytest.mark.stack

AGO = (4, 3, 2, 1)  # days; the promotion begins two days ago
PROMOTE = ("ruleset", "promote")
OF_OURS = ("ours", "views", "ours", "views")
Rows = list[tuple[Any, ...]]


def day_ago(number: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=number)


def noon_ago(number: int) -> int:
    at = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return int((at - timedelta(days=number)).timestamp() * 1000)


def send(platform: Platform, app: App) -> None:
    """Install on four days, each time after a view; every device buys on the last of them."""
    items = []
    for ago in AGO:
        device = Device.named(f"promoted {ago}")
        installed_ms = noon_ago(ago)
        seen = platform.touch(
            "impression",
            {"app_id": app.app_id, "media_source": "views", "gaid": device.advertising_id,
             "touch_at": iso(installed_ms - HOUR_MS)},
        )  # fmt: skip
        assert seen.status_code == 200, seen.text
        items += [
            track(device, INSTALLED, installed_ms),
            track(device, "Order Completed", noon_ago(1) + HOUR_MS,
                  properties={"revenue": 1.25, "currency": "EUR"}),
        ]  # fmt: skip
    sent = platform.post("/v1/batch", batch(*items), key=app.write_key)
    assert sent.status_code == 200, sent.text


def sync(platform: Platform) -> None:
    """Build and reconcile; an audit with any difference ends it badly."""
    synced = platform.sync()
    assert synced, synced
    (compared,) = platform.sql(
        "SELECT countIf(difference != 0), countIf(identity = 'installs' AND scope = '(primary)'),"
        " countIf(identity = 'revenue' AND scope = '(primary) EUR') FROM audit.reconciliation"
        " WHERE audit_id = (SELECT argMax(audit_id, audited_at) FROM audit.reconciliation)"
    )
    assert compared[0] == 0
    assert min(compared[1:]) > 0


def counted(platform: Platform, app: App) -> Rows:
    """Return what counts of the app: ruleset and source of each day's install, and of its order."""
    return platform.sql(
        "SELECT toString(i.ruleset_id), toString(i.media_source), toString(e.ruleset_id),"
        " toString(e.media_source) FROM mart.attributed_installs AS i"
        " INNER JOIN mart.attributed_events AS e"
        " ON i.app_id = e.app_id AND i.install_id = e.install_id"
        " WHERE i.is_primary AND e.is_primary AND i.app_id = {app:String} ORDER BY i.installed_at",
        app=app.app_id,
    )


def hashes_before(platform: Platform, app: App, first: date) -> list[str]:
    """Return the content of what the app's days before the promotion hold."""
    where = "app_id = {app:String} AND toDate(installed_at) < {first:Date}"
    with platform.warehouse("pipeline") as warehouse:
        return [
            str(content_hash(warehouse, table, where, {"app": app.app_id, "first": first}))
            for table in ("mart.attributed_installs", "mart.attribution_candidates")
        ]


@dataclass(frozen=True)
class Promoted:
    """An app for which adjust_like was promoted, and what was seen before and after."""

    app: App
    first: date
    began_ms: int
    counted_before: Rows
    counted: Rows
    hashes_before: list[str]
    hashes: list[str]
    not_one: Rows
    history: Rows
    acts: list[dict[str, Any]]
    whatif: Finished
    explained: Finished


@pytest.fixture(scope="module")
def promoted(platform: Platform) -> Promoted:
    app = platform.create_app("Promoted")
    platform.wait_for_keys()
    send(platform, app)
    sync(platform)
    first, began_ms = day_ago(2), int(time.time() * 1000)
    counted_before, hashes = counted(platform, app), hashes_before(platform, app, first)
    done = platform.run(*PROMOTE, "adjust_like", "--from", str(first), "--app", app.app_id)
    assert done, done
    sync(platform)
    ((install_id,),) = platform.sql(
        "SELECT install_id FROM mart.installs WHERE app_id = {app:String}"
        " ORDER BY installed_at DESC LIMIT 1",
        app=app.app_id,
    )
    return Promoted(
        app,
        first,
        began_ms,
        counted_before,
        counted(platform, app),
        hashes,
        hashes_before(platform, app, first),
        platform.sql(
            "SELECT countIf(n != 1) FROM (SELECT countIf(is_primary) AS n FROM"
            " mart.attributed_installs GROUP BY app_id, install_id)"
        ),
        platform.sql(
            "SELECT toString(ruleset_id), toString(media_source), is_primary,"
            " known_from >= fromUnixTimestamp64Milli({at:Int64}, 'UTC'), known_to IS NULL"
            " FROM mart.decision_history WHERE app_id = {app:String} AND day = {day:Date}"
            " ORDER BY known_from",
            app=app.app_id,
            at=began_ms,
            day=day_ago(1),
        ),
        json.loads(platform.run("ruleset", "history", "--json").output),
        platform.run(
            "whatif", "--ruleset", "ours", "--from", str(day_ago(4)), "--to", str(day_ago(1)),
            "--json",
        ),
        platform.run("explain", install_id),
    )  # fmt: skip


def test_from_its_day_on_the_promoted_ruleset_decides_and_nothing_before_moves(
    promoted: Promoted,
) -> None:
    assert promoted.counted_before == [OF_OURS] * 4
    before = ("ours", "views", "adjust_like", "views")
    since = ("adjust_like", "organic", "adjust_like", "organic")
    assert promoted.counted == [before, before, since, since]
    assert promoted.hashes == promoted.hashes_before
    assert promoted.not_one == [(0,)]


def test_the_history_says_what_counted_until_when(promoted: Promoted) -> None:
    assert promoted.history == [
        ("ours", "views", True, False, False),
        ("ours", "views", False, True, True),
        ("adjust_like", "organic", True, True, True),
    ]


def test_the_act_is_kept_with_who_when_from_what_and_to_what(promoted: Promoted) -> None:
    act = next(one for one in promoted.acts if one.get("app_id") == promoted.app.app_id)
    assert act["actor"].endswith("(command line)")
    assert 0 <= datetime.fromisoformat(act["at"]).timestamp() - promoted.began_ms // 1000 < 600
    assert (act["from_ruleset"], act["from_config_hash"]) == ("ours", OURS.config_hash)
    assert (act["ruleset_id"], act["to_config_hash"], act["effective_from"]) == (
        "adjust_like", PRESETS["adjust_like"].config_hash, str(promoted.first),
    )  # fmt: skip


def test_other_commands_go_by_what_counts(promoted: Promoted) -> None:
    assert promoted.whatif, promoted.whatif
    moves = [
        (one["from_media_source"], one["to_media_source"], one["conversions"])
        for one in json.loads(promoted.whatif.output)["moves"]
        if one["reason"] != "unchanged" and one["conversions"]
    ]
    assert moves == [("organic", "views", 2)]
    assert "under ruleset adjust_like" in promoted.explained.output, promoted.explained


def test_promoting_back_restores_what_counted(platform: Platform, promoted: Promoted) -> None:
    app_id = promoted.app.app_id
    done = platform.run(*PROMOTE, "ours", "--from", str(promoted.first), "--app", app_id)
    assert done, done
    sync(platform)
    assert counted(platform, promoted.app) == [OF_OURS] * 4
    assert hashes_before(platform, promoted.app, promoted.first) == promoted.hashes_before

"""Stories of decisions: whole sentences, exactly these."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.engine import empty_tables, engine
from tests.market.build import Market, build_days, days_of, load
from tests.market.model import DAY, HOUR, MINUTE, SECOND, Event, Touch, at
from tests.market.oracle import digest
from unmogrowp.attribution.evidence import evidence_of, sign, verify
from unmogrowp.attribution.explain import InstallUnknown, explain
from unmogrowp.attribution.story import tell
from unmogrowp.rulesets import OURS, PRESETS

N = at("2026-03-10T12:00:00")

INSTALL = Event(
    app_id="won", message_id="m", device_key="phone-1", device_id="phone-1", android_id="phone-1",
    gaid="ad-1", occurred_at=N,
    properties={
        "click_id": "K1",
        "install_referrer": {
            "install_referrer": "utm_source=net_r&utm_campaign=spring",
            "referrer_click_timestamp_server_seconds": N // 1000 - 8 * 86_400,
        },
    },
)  # fmt: skip
MARKETS = [
    Market(
        (INSTALL,),
        (
            Touch(app_id="won", touch_id="c1", media_source="net_a", campaign="summer",
                  click_id="K9", gaid="ad-1", touch_at=N - 5 * HOUR - 3 * MINUTE),
            Touch(app_id="won", touch_id="c0", media_source="net_b", gaid="ad-1",
                  touch_at=N - 2 * DAY),
            Touch(app_id="won", touch_id="i1", touch_type="impression", media_source="net_c",
                  gaid="ad-1", touch_at=N - MINUTE),
            Touch(app_id="won", touch_id="late", media_source="net_d", gaid="ad-1",
                  touch_at=N + 500),
        ),
    ),
    Market((replace(INSTALL, app_id="none", properties={}),)),
    Market(
        (
            Event(app_id="refused", message_id="a", device_key="p", platform="ios",
                  event_name="Application Opened", occurred_at=N - 3 * DAY, idfa="ID"),
            Event(app_id="refused", message_id="b", device_key="p", platform="ios",
                  occurred_at=N, idfa="ID"),
        ),
        (Touch(app_id="refused", touch_id="i", touch_type="impression", idfa="ID",
               media_source="net_a", touch_at=N - DAY - 1),),
    ),
    Market(
        (
            Event(app_id="blocked", message_id="a", device_key="p", occurred_at=N - 9 * DAY,
                  gaid="g"),
            Event(app_id="blocked", message_id="b", device_key="p", occurred_at=N, gaid="g"),
        ),
        (
            Touch(app_id="blocked", touch_id="s", gaid="g", touch_at=N - 400,
                  media_source="net_fast"),
            Touch(app_id="blocked", touch_id="r", gaid="g", touch_at=N - 5 * SECOND,
                  media_source="net_again", is_retargeting=True),
        ),
    ),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, MARKETS)
    build_days(warehouse, days_of(MARKETS))


def tail(install_id: str) -> str:
    rows = engine().rows(
        "SELECT decision_id FROM mart.attributed_installs"
        " WHERE install_id = {id:String} AND ruleset_id = {ruleset:String}",
        {"id": install_id, "ruleset": OURS.ruleset_id},
    )
    return f"This is decision {rows[0][0]} under ruleset ours ({OURS.config_hash[:12]})."


def test_a_won_install_names_the_winner_and_why_each_other_lost() -> None:
    install_id = digest("won", "phone-1", "1")
    made = digest("won", "referrer", "m")
    assert list(explain(engine(), install_id).sentences) == [
        "Device phone-1 (android) installed app won for the first time at 2026-03-10 12:00:00.000"
        " UTC.",
        "The install carries the click id K1 and the device ids ad-1 (gaid) and phone-1"
        " (android_id).",
        "Its store referrer names net_r, campaign spring, clicked at 2026-03-02 12:00:00.000 UTC.",
        "5 touches were considered; 3 of them could win.",
        "Winner: click c1 of net_a, campaign summer, 5 hours 3 minutes before the install, inside"
        " the window of 7 days for clicks matched by the device id (gaid).",
        "It is flagged as suspicious, which decides nothing: the store's referrer names another"
        " media source than the touch (referrer_mismatch).",
        "Lost: click c0 of net_b, 2 days before the install: the winner is closer to the install.",
        "Lost: impression i1 of net_c, 1 minute before the install: a click goes before an"
        " impression, whichever is later.",
        "Refused: click late of net_d, 500 ms after the install: a touch after the install is never"
        " credited.",
        f"Refused: click {made[:8]} of net_r, campaign spring, made from the store referrer, 8 days"
        " before the install: outside the window of 7 days for clicks matched by the store"
        " referrer.",
        "So the install belongs to net_a.",
        tail(install_id),
    ]


def test_a_re_engagement_is_told_as_an_opening() -> None:
    ruleset = PRESETS["adjust_like"]
    market = Market(
        (
            replace(INSTALL, app_id="back", properties={}, occurred_at=N - 20 * DAY),
            replace(INSTALL, app_id="back", properties={}, message_id="o",
                    event_name="Deep Link Opened"),
        ),
        (
            Touch(app_id="back", touch_id="r1", gaid="ad-1", media_source="net_a", campaign="back",
                  touch_at=N - HOUR, is_retargeting=True),
            Touch(app_id="back", touch_id="r2", gaid="ad-1", media_source="net_b",
                  touch_at=N - 2 * DAY, is_retargeting=True),
            Touch(app_id="back", touch_id="a", gaid="ad-1", media_source="net_c",
                  touch_at=N - MINUTE),
        ),
    )  # fmt: skip
    load(engine(), [market])
    build_days(engine(), days_of([market]), ruleset)
    install_id = digest("back", "phone-1", "1")
    conversion_id = digest("back", install_id, "re_engagement", "o", str(N))
    story = explain(engine(), conversion_id, "adjust_like")
    assert list(story.sentences[:-1]) == [
        "Device phone-1 (android) came back to app back at 2026-03-10 12:00:00.000 UTC (Deep Link"
        f" Opened), 20 days after it was last seen; its install {install_id} was at 2026-02-18"
        " 12:00:00.000 UTC.",
        "The opening carries the device ids ad-1 (gaid) and phone-1 (android_id).",
        "3 touches were considered; 2 of them could win.",
        "Winner: retargeting click r1 of net_a, campaign back, 1 hour before the opening, inside"
        " the window of 7 days for clicks matched by the device id (gaid).",
        "Lost: retargeting click r2 of net_b, 2 days before the opening: the winner is closer to"
        " the opening.",
        "Refused: click a of net_c, 1 minute before the opening: only a retargeting touch may win"
        " an opening.",
        "So the opening belongs to net_a.",
    ]
    key = Ed25519PrivateKey.generate()
    told = verify(sign(evidence_of(story, "net_a"), key)).sentences
    assert told[0] == (
        f"Opening {conversion_id} after install {install_id} of app back at"
        " 2026-03-10T12:00:00.000Z is credited to net_a."
    )
    with pytest.raises(InstallUnknown):
        explain(engine(), conversion_id, "ours")


def test_an_install_without_touches_says_so() -> None:
    install_id = digest("none", "phone-1", "1")
    assert list(explain(engine(), install_id).sentences) == [
        "Device phone-1 (android) installed app none for the first time at 2026-03-10 12:00:00.000"
        " UTC.",
        "The install carries the device ids ad-1 (gaid) and phone-1 (android_id).",
        "No click or impression of this app matches it, as far back as any window reaches, so it is"
        " organic.",
        tail(install_id),
    ]


def test_a_reinstall_whose_only_touch_was_refused_says_so() -> None:
    install_id = digest("refused", "p", "2")
    assert list(explain(engine(), install_id).sentences) == [
        "Device p (ios) installed app refused again at 2026-03-10 12:00:00.000 UTC: its install"
        " number 2, 3 days after the one before. This ruleset counts it as a reinstall.",
        "The install carries the device id ID (idfa).",
        "1 touch was considered; it could not win.",
        "Refused: impression i of net_a, 1 day 1 ms before the install: outside the window of 1 day"
        " for impressions matched by the device id (idfa).",
        "So it is organic: the only touch was outside its window.",
        tail(install_id),
    ]


def test_fraud_rules_and_re_attribution_are_told_in_words() -> None:
    install_id = digest("blocked", "p", "2")
    assert list(explain(engine(), install_id).sentences) == [
        "Device p (android) installed app blocked again at 2026-03-10 12:00:00.000 UTC: its install"
        " number 2, 9 days after the one before. This ruleset counts it as a re-attribution,"
        " because a retargeting touch won it.",
        "The install carries the device id g (gaid).",
        "2 touches were considered; 1 of them could win.",
        "Winner: retargeting click r of net_again, 5 seconds before the install, inside the window"
        " of 7 days for clicks matched by the device id (gaid).",
        "It is flagged as suspicious, which decides nothing: from click to first open 5 s passed,"
        " less than 10 s (click_injection.ctit_short).",
        "Refused: click s of net_fast, 400 ms before the install: blocked as fraud: from click to"
        " first open 0.4 s passed, less than 1 s (click_injection.ctit_short).",
        "So the install belongs to net_again.",
        tail(install_id),
    ]


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("method_off", "this ruleset does not credit clicks matched by likeness of this source"),
        ("not_retargeting", "only a retargeting touch may win a device that comes back so soon"),
        ("reinstall", "a device that comes back keeps its source under this ruleset"),
        ("something_new", "something_new"),
    ],
)
def test_every_refusal_has_a_sentence(reason: str, says: str) -> None:
    story = explain(engine(), digest("blocked", "p", "2"))
    touch = {**story.candidates[0], "rank": 0, "verdict": "refused", "reason": reason,
             "match_type": "probabilistic", "matched_on": ["ip_hash", "os"]}  # fmt: skip
    install = {**story.install, "organic_reason": reason, "media_source": "organic"}
    told = tell(install, [touch])
    assert any(says in sentence for sentence in told)
    assert told[-2].startswith("So it is organic: the only touch ")


def test_likeness_names_what_was_alike() -> None:
    story = explain(engine(), digest("blocked", "p", "2"))
    touch = {**story.candidates[0], "match_type": "probabilistic",
             "matched_on": ["ip_hash", "os", "os_version"]}  # fmt: skip
    told = " ".join(tell(story.install, [touch]))
    assert (
        "matched by likeness (equal address, equal operating system, equal version of it)" in told
    )


def test_touches_that_came_out_alike_are_told_in_one_sentence() -> None:
    story = explain(engine(), digest("won", "phone-1", "1"))
    winner, lost = story.candidates[0], story.candidates[1]
    many = [{**lost, "age_ms": number * HOUR} for number in range(6, 10)]
    blocked = [
        {**lost, "rank": 0, "age_ms": number * MINUTE, "reason": "fraud_blocked:hyper_engagement",
         "fraud_verdicts": [("hyper_engagement", "block", 130.0 - number, 100.0)]}
        for number in range(1, 5)
    ]  # fmt: skip
    told = tell(story.install, [winner, *many, *blocked])
    assert (
        "Lost: 4 clicks of net_b, from 6 hours to 9 hours before the install: the winner is closer"
        " to the install." in told
    )
    assert (
        "Refused: 4 clicks of net_b, from 1 minute to 4 minutes before the install: blocked as"
        " fraud by the rule hyper_engagement; the latest because the device clicked 129 times"
        " (clicks in one day; suspicious above 100)." in told
    )
    told = tell(story.install, [winner, *many[:3]])
    assert sum(one.startswith("Lost: click") for one in told) == 3


def test_an_implied_install_says_what_implies_it() -> None:
    first = explain(engine(), digest("refused", "p", "1")).sentences[0]
    assert "no Application Installed came before it or within an hour after it" in first


def test_a_story_is_json() -> None:
    story = explain(engine(), digest("won", "phone-1", "1")).as_json()
    again = json.loads(json.dumps(story))
    assert again["install"]["installed_at"] == "2026-03-10T12:00:00Z"
    assert again["install"]["is_organic"] is False
    assert [one["touch_id"] for one in again["candidates"]][:3] == ["c1", "c0", "i1"]


def test_an_unknown_install_and_an_undecided_one_are_told_apart() -> None:
    with pytest.raises(InstallUnknown, match="there is no install"):
        explain(engine(), "nothing")
    with pytest.raises(InstallUnknown, match="no decision under trial yet"):
        explain(engine(), digest("won", "phone-1", "1"), "trial")

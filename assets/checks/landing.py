"""What must be true of what landing writes: raw requests and the clean tables."""

from typing import get_args

from assets.checks.expectation import (
    Suite,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)
from unmogrowp.attribution.touched_days import Mart
from unmogrowp.warehouse.ledger_numbers import Change

COORDINATES = ("topic_id", "partition", "offset", "frame_index", "item_index")
PLATFORMS = ("ios", "android", "web", "server", "other")
RANGE_STATES = (
    "planned",
    "landed",
    "gap_accepted",
    "series_ended",
    "pruned",
    *get_args(Change),
)
EVENT_TYPES = ("track", "identify", "page", "screen", "group", "alias")

REQUESTS = Suite(
    "raw.requests",
    "received_at",
    (
        is_unique("topic_id", "partition", "offset", "frame_index"),
        is_given("topic_id"),
        is_between("landing_seq", 1),
        never(
            "a request of a known app has items",
            "topic IN ('events.v1', 'touches.v1') AND item_count = 0",
        ),
        never(
            "no more items are refused than there are",
            "length(rejected) > item_count AND topic IN ('events.v1', 'touches.v1')",
        ),
        rarely("requests cannot be read", "topic = 'requests.dead_letter.v1'", share=0.2),
    ),
)

EVENTS = Suite(
    "clean.events",
    "received_at",
    (
        is_unique("app_id", "message_id"),
        is_unique(*COORDINATES),
        is_given("app_id"),
        is_given("message_id"),
        is_given("device_key"),
        is_one_of("event_type", EVENT_TYPES),
        is_one_of("platform", PLATFORMS),
        never("occurred_at is never after received_at", "occurred_at > received_at"),
        never("only track events have a name", "event_type != 'track' AND event_name != ''"),
        never("a currency is three letters or empty", "NOT match(currency, '^([A-Z]{3})?$')"),
        never(
            "advertising ids belong to their platform",
            "(idfa != '' OR idfv != '') AND platform != 'ios'"
            " OR (gaid != '' OR android_id != '') AND platform != 'android'",
        ),
        rarely("the clock of the device is corrected", "abs(clock_skew_ms) > 60000", share=0.3),
        rarely("the platform is unknown", "platform = 'other'", share=0.5),
        rarely("no device can be told", "device_key LIKE 'message:%'", share=0.2),
    ),
)

TOUCHES = Suite(
    "clean.touches",
    "received_at",
    (
        is_unique("app_id", "touch_id"),
        is_unique(*COORDINATES),
        is_given("app_id"),
        is_given("touch_id"),
        is_one_of("touch_type", ("click", "impression")),
        never("touch_at is never after received_at", "touch_at > received_at"),
        never(
            "a cost has a currency of three letters", "NOT match(cost_currency, '^([A-Z]{3})?$')"
        ),
        rarely("the media source is missing", "media_source = ''", share=0.2),
        rarely(
            "a touch can be matched to no install",
            "click_id = '' AND idfa = '' AND idfv = '' AND gaid = '' AND android_id = ''"
            " AND user_id = ''",
            share=0.5,
        ),
    ),
)

FAILED = Suite(
    "clean.failed",
    "received_at",
    (
        is_given("code"),
        is_one_of("level", ("request", "item")),
        is_unique(*COORDINATES, "level"),
        never("a whole request is at index 0", "level = 'request' AND item_index != 0"),
        rarely("the app is unknown", "app_id = ''", share=0.8),
    ),
)

DUPLICATES = Suite(
    "clean.duplicates",
    "received_at",
    (
        is_unique(*COORDINATES),
        is_one_of("kind", ("event", "touch")),
        is_given("message_id"),
        never(
            "a copy is never the row that stayed",
            "(topic_id, partition, offset, frame_index, item_index) ="
            " (kept_topic_id, kept_partition, kept_offset, kept_frame_index, kept_item_index)",
        ),
        never("the row that stayed was received first", "kept_received_at > received_at"),
        rarely(
            "a copy comes more than a day later",
            "received_at > kept_received_at + INTERVAL 1 DAY",
            share=0.5,
        ),
    ),
)

LANDING_RANGES = Suite(
    "audit.landing_ranges",
    "",
    (
        is_one_of("state", RANGE_STATES),
        never("a range ends after it starts", "state = 'landed' AND end_offset <= start_offset"),
        never(
            "a range lands no more records than it has offsets",
            "state = 'landed' AND record_count > end_offset - start_offset",
        ),
        rarely("a gap was accepted", "state = 'gap_accepted'", share=0.01),
    ),
)

TOUCHED_DAYS = Suite(
    "audit.touched_days",
    "",
    (
        is_one_of("mart", get_args(Mart)),
        is_one_of("state", ("touched", "built")),
        is_given("reason"),
        rarely("a day is touched by a late copy", "reason = 'late_copy'", share=0.2),
    ),
)

SUITES = (REQUESTS, EVENTS, TOUCHES, FAILED, DUPLICATES, LANDING_RANGES, TOUCHED_DAYS)

"""Small tables that live for one build: what one statement finds and the next one reads.

`with scratch.devices(warehouse) as devices` gives the name of such a table, with its database, for
the time of the context. They are named like staging tables of a run, so that
`drop_abandoned_staging` finds those that a killed build left behind.
"""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import RUN_MARK

_ON_DISK = "MergeTree ORDER BY tuple()"
# Never merged: it is read a few times and gone.
_BY_BUCKET = "MergeTree ORDER BY bucket SETTINGS max_bytes_to_merge_at_max_space_in_pool = 1"


@dataclass(frozen=True)
class ScratchTable:
    """A kind of scratch table; calling it makes one and drops it at the end of the context."""

    name: str
    columns: str
    engine: str = "Memory"

    @contextlib.contextmanager
    def __call__(self, warehouse: Warehouse) -> Iterator[str]:
        """Give the name of an empty table of this kind, `staging.<name>`."""
        table = f"staging.{self.name}{RUN_MARK}{uuid.uuid4().hex[:12]}"
        warehouse.execute(f"CREATE TABLE {table} {self.columns} ENGINE = {self.engine}")
        try:
            yield table
        finally:
            warehouse.execute(f"DROP TABLE IF EXISTS {table} SYNC")


def bare(table: str) -> str:
    """Return the name without its database: an Identifier parameter is one identifier."""
    return table.removeprefix("staging.")


devices = ScratchTable(
    "devices",
    "(app_id LowCardinality(String), device_key String)",
)
"""Devices, by their keys."""

components = ScratchTable(
    "components",
    "(app_id LowCardinality(String), device_key String, component_key String)",
)
"""Device keys with the names of their components."""

kept_installs = ScratchTable(
    "kept_installs",
    "(app_id LowCardinality(String), device_key String, source_device_key String,"
    " installed_ms Int64, message_id String, ordinal UInt32,"
    " since_previous_ms Nullable(Int64), is_implied Bool)",
)
"""Numbered installs of whole lives of components."""

windows = ScratchTable(
    "windows",
    "(app_id LowCardinality(String), media_source LowCardinality(String),"
    " campaign LowCardinality(String), own_clicks Array(Int64), own_impressions Array(Int64))",
    "Join(ANY, LEFT, app_id, media_source, campaign)",
)
"""Campaigns with windows of their own; it is asked campaign by campaign."""

changed_devices = ScratchTable(
    "changed_devices",
    "(app_id LowCardinality(String), device_key String, changed_at DateTime64(3, 'UTC'),"
    " is_late Bool)",
)
"""Devices and since when they changed."""

owners = ScratchTable(
    "owners",
    "(app_id LowCardinality(String), device_key String, install_id String, is_opening Bool)",
)
"""Devices with the installs they converted for."""

keys = ScratchTable(
    "keys",
    "(key UInt64)",
)
"""Hashed ids that rows may carry."""

_SUBJECT = (
    "subject FixedString(16), app_id LowCardinality(String),"
    " conversion_id String, install_id String, device_key String,"
    " installed_at DateTime64(3, 'UTC'), kind LowCardinality(String), is_decided Bool,"
    " touches_after DateTime64(3, 'UTC'), eligible_touches LowCardinality(String),"
    " click_id String, device_id String, idfa String, idfv String, gaid String,"
    " android_id String, user_id String, source_message_id String,"
    " referrer_media_source LowCardinality(String), referrer_campaign LowCardinality(String),"
    " referrer_click_at Nullable(DateTime64(3, 'UTC')), is_referrer_time_assumed Bool,"
    " install_begin_at Nullable(DateTime64(3, 'UTC')), platform LowCardinality(String),"
    " country LowCardinality(String), ip_prefix LowCardinality(String), ip_hash String,"
    " system_version String, evidence String"
)

subjects = ScratchTable("subjects", f"({_SUBJECT})")
"""Installs or openings that are about to be decided. A subject is sorted and joined by a hash of
128 bits of the two strings that name it: several times cheaper than the strings."""

day_subjects = ScratchTable("day_subjects", f"({_SUBJECT}, bucket UInt32)", _BY_BUCKET)
"""All installs of a large day, and in which bucket each is judged; on disk by bucket, so that one
is read without the others."""

matched = ScratchTable(
    "matched",
    "(number UInt64, subject FixedString(16), touch_id String,"
    " touch_type LowCardinality(String), media_source LowCardinality(String),"
    " campaign LowCardinality(String), campaign_id LowCardinality(String),"
    " adset LowCardinality(String), ad LowCardinality(String), site_id LowCardinality(String),"
    " touch_at DateTime64(3, 'UTC'), is_retargeting Bool, is_time_assumed Bool, age_ms Int64,"
    " matched_by UInt16, place UInt8, window_ms Int64, is_other_country Bool, unusable_ids UInt8,"
    " touch_ip_prefix LowCardinality(String), bucket UInt32)",
)
"""Touches matched with many subjects at once, and in which bucket each subject is judged."""

considered = ScratchTable(
    "considered",
    "(number UInt64, subject FixedString(16),"
    " app_id LowCardinality(String), conversion_id String, install_id String,"
    " installed_at DateTime64(3, 'UTC'), touch_id String, touch_type LowCardinality(String),"
    " media_source LowCardinality(String),"
    " campaign LowCardinality(String), campaign_id LowCardinality(String),"
    " adset LowCardinality(String), ad LowCardinality(String), site_id LowCardinality(String),"
    " touch_at DateTime64(3, 'UTC'), is_retargeting Bool, is_time_assumed Bool, age_ms Int64,"
    " matched_by UInt16, place UInt8, window_ms Int64,"
    " eligible_touches LowCardinality(String), install_begin_at Nullable(DateTime64(3, 'UTC')),"
    " is_other_country Bool, unusable_ids UInt8, touch_ip_prefix LowCardinality(String),"
    " install_ip_prefix LowCardinality(String))",
)
"""Touches considered for conversions, before anything is judged; joined by their number here."""

suspicions = ScratchTable(
    "suspicions",
    "(number UInt64,"
    " fraud_verdicts Array(Tuple(rule LowCardinality(String), mode LowCardinality(String),"
    " value Float64, threshold Float64)))",
)
"""What fraud rules say about considered touches; most have no row."""

conversions = ScratchTable(
    "conversions",
    "(app_id LowCardinality(String), conversion_id String, converted_at DateTime64(3, 'UTC'),"
    " value Decimal(38, 9), device_key String, click_id String, device_id String, idfa String,"
    " idfv String, gaid String, android_id String, user_id String)",
)
"""Conversions with their ids."""

conversion_keys = ScratchTable(
    "conversion_keys",
    "(app_id LowCardinality(String), conversion_id String, converted_at DateTime64(3, 'UTC'),"
    " key String)",
    _ON_DISK,
)
"""Keys of conversions; on disk, as each conversion has several."""

people = ScratchTable(
    "people",
    "(app_id LowCardinality(String), key String, person String)",
    "Join(ANY, LEFT, app_id, key)",
)
"""Ids with the component they belong to; it is asked id by id."""

paths = ScratchTable(
    "paths",
    "(has_converted Bool, app_id LowCardinality(String), journey String,"
    " last_at DateTime64(3, 'UTC'), value Decimal(38, 9), touch_ids Array(String),"
    " touch_times Array(DateTime64(3, 'UTC')), channels Array(LowCardinality(String)))",
    _ON_DISK,
)
"""Paths; on disk, as it may be large."""

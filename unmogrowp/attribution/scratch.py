"""Small tables that live for one build: what one statement finds and the next one reads.

They are named like staging tables of a run, so that `drop_abandoned_staging` finds those that a
killed build left behind.
"""

import contextlib
import uuid
from collections.abc import Iterator

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import RUN_MARK

_DEVICES = "(app_id LowCardinality(String), device_key String)"
_COMPONENTS = "(app_id LowCardinality(String), device_key String, component_key String)"
_KEPT_INSTALLS = (
    "(app_id LowCardinality(String), device_key String, source_device_key String,"
    " installed_ms Int64, message_id String, ordinal UInt32,"
    " since_previous_ms Nullable(Int64), is_implied Bool)"
)
_WINDOWS = (
    "(app_id LowCardinality(String), media_source LowCardinality(String),"
    " campaign LowCardinality(String), own_clicks Array(Int64), own_impressions Array(Int64))"
)
_CHANGED_DEVICES = (
    "(app_id LowCardinality(String), device_key String, changed_at DateTime64(3, 'UTC'),"
    " is_late Bool)"
)
_OWNERS = "(app_id LowCardinality(String), device_key String, install_id String, is_opening Bool)"
_KEYS = "(key UInt64)"
_CONVERSIONS = (
    "(app_id LowCardinality(String), conversion_id String, converted_at DateTime64(3, 'UTC'),"
    " value Decimal(38, 9), device_key String, click_id String, device_id String, idfa String,"
    " idfv String, gaid String, android_id String, user_id String)"
)
_CONVERSION_KEYS = (
    "(app_id LowCardinality(String), conversion_id String, converted_at DateTime64(3, 'UTC'),"
    " key String)"
)
_PEOPLE = "(app_id LowCardinality(String), key String, person String)"
_PATHS = (
    "(has_converted Bool, app_id LowCardinality(String), journey String,"
    " last_at DateTime64(3, 'UTC'), value Decimal(38, 9), touch_ids Array(String),"
    " touch_times Array(DateTime64(3, 'UTC')), channels Array(LowCardinality(String)))"
)

# A subject is sorted and joined by a hash of 128 bits of the two strings that name it, a considered
# touch by its number in the table: several times cheaper than the strings.
_SUBJECTS = (
    "(subject FixedString(16), app_id LowCardinality(String),"
    " conversion_id String, install_id String, device_key String,"
    " installed_at DateTime64(3, 'UTC'), kind LowCardinality(String), is_decided Bool,"
    " touches_after DateTime64(3, 'UTC'), eligible_touches LowCardinality(String),"
    " click_id String, device_id String, idfa String, idfv String, gaid String,"
    " android_id String, user_id String, source_message_id String,"
    " referrer_media_source LowCardinality(String), referrer_campaign LowCardinality(String),"
    " referrer_click_at Nullable(DateTime64(3, 'UTC')), is_referrer_time_assumed Bool,"
    " install_begin_at Nullable(DateTime64(3, 'UTC')), platform LowCardinality(String),"
    " country LowCardinality(String), ip_prefix LowCardinality(String), ip_hash String,"
    " system_version String, evidence String)"
)
_CONSIDERED = (
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
    " install_ip_prefix LowCardinality(String))"
)
_SUSPICIONS = (
    "(number UInt64,"
    " fraud_verdicts Array(Tuple(rule LowCardinality(String), mode LowCardinality(String),"
    " value Float64, threshold Float64)))"
)


def subjects(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of installs or openings that are about to be decided."""
    return _table(warehouse, "subjects", _SUBJECTS)


def considered(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of touches considered for conversions, before anything is judged."""
    return _table(warehouse, "considered", _CONSIDERED)


def suspicions(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of what fraud rules say about considered touches; most have no row."""
    return _table(warehouse, "suspicions", _SUSPICIONS)


def changed_devices(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of devices and since when they changed, for the time of the context."""
    return _table(warehouse, "changed_devices", _CHANGED_DEVICES)


def devices(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of devices, `staging.<name>`, for the time of the context."""
    return _table(warehouse, "devices", _DEVICES)


def components(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of device keys with the names of their components, for the context."""
    return _table(warehouse, "components", _COMPONENTS)


def kept_installs(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of numbered installs, `staging.<name>`, for the time of the context."""
    return _table(warehouse, "kept_installs", _KEPT_INSTALLS)


def windows(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of campaigns with windows of their own; it is asked campaign by campaign."""
    engine = "Join(ANY, LEFT, app_id, media_source, campaign)"
    return _table(warehouse, "windows", _WINDOWS, engine)


def owners(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of devices with the installs they converted for, for the context."""
    return _table(warehouse, "owners", _OWNERS)


def keys(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of hashed ids that rows may carry, for the time of the context."""
    return _table(warehouse, "keys", _KEYS)


def conversions(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of conversions with their ids, for the time of the context."""
    return _table(warehouse, "conversions", _CONVERSIONS)


def conversion_keys(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of the keys of conversions; on disk, as each conversion has several."""
    return _table(warehouse, "conversion_keys", _CONVERSION_KEYS, "MergeTree ORDER BY tuple()")


def people(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of ids with the component they belong to; it is asked by key, id by id."""
    return _table(warehouse, "people", _PEOPLE, "Join(ANY, LEFT, app_id, key)")


def paths(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of paths, for the time of the context; on disk, as it may be large."""
    return _table(warehouse, "paths", _PATHS, "MergeTree ORDER BY tuple()")


def bare(table: str) -> str:
    """Return the name without its database: an Identifier parameter is one identifier."""
    return table.removeprefix("staging.")


@contextlib.contextmanager
def _table(warehouse: Warehouse, name: str, columns: str, engine: str = "Memory") -> Iterator[str]:
    table = f"staging.{name}{RUN_MARK}{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"CREATE TABLE {table} {columns} ENGINE = {engine}")
    try:
        yield table
    finally:
        warehouse.execute(f"DROP TABLE IF EXISTS {table} SYNC")

-- Contract of staged installs: one row per sentence with the rows that break it.
SELECT
    ['installs_have_unique_install_id', 'devices_have_unique_ordinals', 'installs_are_of_their_day',
     'installs_name_their_source_event', 'reinstalls_name_the_install_before'] AS sentences,
    [
        count() - uniqExact(install_id),
        count() - uniqExact((app_id, device_key, ordinal)),
        countIf(toDate(installed_at) != {day:Date}),
        countIf(app_id = '' OR device_key = '' OR source_message_id = ''),
        countIf((ordinal > 1) != (install_kind = 'reinstall' AND previous_install_id != ''
                                  AND since_previous_ms > 3600000))
    ] AS broken
FROM staging.{staging:Identifier}

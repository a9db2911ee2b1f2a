-- Contract of staged openings: one row per sentence with the rows that break it.
SELECT
    ['openings_have_unique_conversion_id', 'openings_come_after_their_install',
     'nothing_was_seen_between_the_pause_and_the_opening', 'openings_are_of_their_day',
     'openings_name_their_source_event'] AS sentences,
    [
        count() - uniqExact(conversion_id),
        countIf(installed_at >= opened_at),
        countIf(inactive_ms < 1
                OR inactive_ms > dateDiff('millisecond', installed_at, opened_at)),
        countIf(toDate(opened_at) != {day:Date}),
        countIf(app_id = '' OR device_key = '' OR install_id = '' OR source_message_id = '')
    ] AS broken
FROM staging.{staging:Identifier}

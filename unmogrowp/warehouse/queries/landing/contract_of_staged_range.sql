-- Sentences that must be true of every range before it is published, with the rows that break them.
SELECT 'clean.events' AS table_name, 'events_have_unique_message_id' AS check_name,
       (SELECT count()
        FROM
        (
            SELECT arraySort(groupArray(toUnixTimestamp64Milli(received_at))) AS received
            FROM {events:Identifier}
            WHERE key_hash IN (SELECT key_hash FROM {events:Identifier} GROUP BY key_hash HAVING count() > 1)
            GROUP BY app_id, message_id
        )
        WHERE arrayExists(distance -> distance <= {horizon_ms:Int64}, arrayPopFront(arrayDifference(received)))) AS unexpected_count
UNION ALL
SELECT 'clean.events', 'events_have_app_id_message_id_and_device_key',
       countIf(app_id = '' OR message_id = '' OR device_key = '') FROM {events:Identifier}
UNION ALL
SELECT 'clean.events', 'occurred_at_is_never_after_received_at',
       countIf(occurred_at > received_at) FROM {events:Identifier}
UNION ALL
SELECT 'clean.events', 'events_are_not_older_than_the_limit',
       countIf(dateDiff('millisecond', occurred_at, received_at) > {max_age_ms:Int64}) FROM {events:Identifier}
UNION ALL
SELECT 'clean.touches', 'touches_have_unique_touch_id',
       (SELECT count()
        FROM
        (
            SELECT arraySort(groupArray(toUnixTimestamp64Milli(received_at))) AS received
            FROM {touches:Identifier}
            WHERE key_hash IN (SELECT key_hash FROM {touches:Identifier} GROUP BY key_hash HAVING count() > 1)
            GROUP BY app_id, touch_id
        )
        WHERE arrayExists(distance -> distance <= {horizon_ms:Int64}, arrayPopFront(arrayDifference(received))))
UNION ALL
SELECT 'clean.touches', 'touches_are_clicks_or_impressions',
       countIf(touch_type NOT IN ('click', 'impression')) FROM {touches:Identifier}
UNION ALL
SELECT 'clean.touches', 'touch_at_is_never_after_received_at',
       countIf(touch_at > received_at) FROM {touches:Identifier}
UNION ALL
SELECT 'clean.failed', 'failed_rows_have_a_code', countIf(code = '') FROM {failed:Identifier}
UNION ALL
SELECT 'clean.duplicates', 'copies_differ_from_the_row_that_stayed',
       countIf((topic_id, partition, offset, frame_index, item_index)
             = (kept_topic_id, kept_partition, kept_offset, kept_frame_index, kept_item_index))
FROM {duplicates:Identifier}

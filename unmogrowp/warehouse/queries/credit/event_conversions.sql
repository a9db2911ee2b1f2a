-- Events of {day} that are conversions, with the ids that touches can share with them. Of copies
-- that were received after the horizon of deduplication the first received counts.
SELECT
    app_id,
    message_id,
    occurred_at,
    if({currency:String} != '' AND currency = {currency:String}, coalesce(revenue, 0), 0),
    device_key, '', device_id, idfa, idfv, gaid, android_id, user_id
FROM clean.events
WHERE toDate(occurred_at) = {day:Date}
  AND received_at >= toDateTime64({day:Date}, 3, 'UTC') -- nothing is received before it happened
  AND (empty({event_names:Array(String)}) OR has({event_names:Array(String)}, event_name))
  AND (NOT {needs_revenue:Bool} OR currency = {currency:String} AND revenue > 0)
ORDER BY received_at, topic_id, partition, offset, frame_index, item_index
LIMIT 1 BY app_id, message_id

-- Days on which a row that stayed so far, and the copy of it that landed later but was received
-- earlier, have to change places.
SELECT DISTINCT arrayJoin([toDate(received_at), toDate(kept_received_at)]) AS day
FROM {duplicates:Identifier}
WHERE (kept_received_at, toString(kept_topic_id), kept_partition, kept_offset, kept_frame_index, kept_item_index)
    > (received_at, toString(topic_id), partition, offset, frame_index, item_index)
ORDER BY day

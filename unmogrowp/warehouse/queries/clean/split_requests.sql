-- One row per item of Segment-shaped requests: cut out of the body, nothing judged yet.
-- Reads {source} (the columns of raw.requests), writes {target} (those of staging.items), from which
-- clean/stage_events makes typed rows. Two statements, because this one wants its branches evaluated
-- only where they are taken (a merge per item would cost more than all the rest), and the rules of the
-- other are cheaper evaluated for every row than for a choice of rows each.
-- Items that the collector refused and those of requests whose items the engine cannot count as the
-- collector did give no row: clean/stage_refused_items and landing/poison take care of them.
INSERT INTO {target:Identifier}
    (app_id, message_id, event_type, event, anonymous_id, user_id, client_text, sent_text,
     request_sent_text, brings_received_at, channel, properties, context, dialect, received_at,
     ip_prefix, ip_hash, user_agent, topic_id, partition, offset, frame_index, item_index, landing_seq)
WITH
    -- A merge throws on anything but objects; a string may hold whatever it likes.
    (text -> if(startsWith(text, '{') AND isValidJSON(text), text, '{}')) AS object_of
SELECT
    app_id,
    if(item.messageId = '', lower(hex(sipHash128(request_id, item_number))), item.messageId) AS item_message_id,
    if(item.type = '', path_type, lower(item.type)) AS item_type,
    item.event,
    item.anonymousId,
    item.userId,
    if(item.timestamp != '', item.timestamp, item.originalTimestamp),
    item.sentAt,
    request.sentAt,
    item.receivedAt != '',
    item.channel,
    multiIf(
        item_type = 'track', if(startsWith(item.properties, '{'), item.properties, ''),
        item_type = 'identify', if(startsWith(item.traits, '{'), item.traits, ''),
        item_type = 'alias', toJSONString(map('previousId', item.previousId)),
        item_type = 'group', JSONMergePatch(object_of(item.traits), toJSONString(map('groupId', item.groupId))),
        item.name != '', JSONMergePatch(toJSONString(map('name', item.name)), object_of(item.properties)),
        startsWith(item.properties, '{'), item.properties,
        ''),
    multiIf(
        startsWith(request.context, '{'), JSONMergePatch(object_of(request.context), object_of(item.context)),
        startsWith(item.context, '{'), item.context,
        ''),
    dialect, received_at, ip_prefix, ip_hash, user_agent, topic_id, partition, offset, frame_index,
    toUInt32(item_position - 1) AS item_number,
    landing_seq
FROM
(
    SELECT
        app_id, request_id, received_at, dialect, item_count, rejected.item_index AS refused,
        ip_prefix, ip_hash, user_agent, topic_id, partition, offset, frame_index, landing_seq,
        substringIndex(path, '/', -1) AS path_type,
        -- A single call is a batch of one; of a key given twice the last counts, as in the collector.
        JSONExtract(if(path = '/v1/batch', body, concat('{"batch":[', body, ']}')),
            'Tuple(sentAt LowCardinality(String), context String, batch Array(Tuple(messageId String, type LowCardinality(String), event LowCardinality(String), name String, anonymousId String, userId String, previousId String, groupId String, timestamp String, originalTimestamp String, sentAt String, receivedAt LowCardinality(String), channel LowCardinality(String), properties String, traits String, context String)))') AS request
    FROM {source:Identifier}
    WHERE topic = {topic:String} AND topic_id = {topic_id:String} AND partition = {partition:UInt32}
      AND offset >= {start:UInt64} AND offset < {end:UInt64}
      AND toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
      AND code = ''
)
ARRAY JOIN request.batch AS item, arrayEnumerate(request.batch) AS item_position
WHERE length(request.batch) = item_count AND NOT has(refused, toUInt32(item_position - 1))

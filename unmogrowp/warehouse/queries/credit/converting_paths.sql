-- The path of every conversion in staging.{conversions} of one of {buckets} buckets: the touches of
-- the app that share an id or a component with it, by staging.{conversion_keys}, at most {lookback_ms}
-- old, both ends in, oldest first; touches of one instant in the order of channel and id. Conversions
-- without a touch have an empty path.
WITH
    (SELECT (min(converted_at), max(converted_at)) FROM staging.{conversions:Identifier}) AS span,
    fromUnixTimestamp64Milli(
        toUnixTimestamp64Milli(span.1) - {lookback_ms:Int64}, 'UTC') AS reach_start,
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    -- Whoever is stitched goes by the component, whichever of its ids a row carries.
    (app, key) -> if({knows_people:Bool}, joinGet({people:String}, 'person', app, key), '') AS known_as,
    (app, key) -> if(known_as(app, key) = '', key, known_as(app, key)) AS person_of,
    conversion_keys AS
    (
        SELECT app_id, conversion_id, converted_at, key
        FROM staging.{conversion_keys:Identifier}
        WHERE cityHash64(app_id, conversion_id) % {buckets:UInt32} = {bucket:UInt32}
    ),
    touch_keys AS
    (
        SELECT
            app_id, touch_id, touch_at,
            if({channel:String} = 'campaign', campaign, media_source) AS named,
            if(named = '', '(unknown)', named) AS channel,
            arrayFilter(k -> k != '', [
                key_of('d', real(gaid)), key_of('d', real(idfa)), key_of('d', real(idfv)),
                key_of('d', real(android_id))
            ]) AS device_keys,
            key_of('u', real(user_id)) AS user_key,
            key
        FROM clean.touches
        ARRAY JOIN arrayConcat(
            arrayMap(key -> person_of(app_id, key), device_keys),
            -- Where nothing else says whose device it was, the user does.
            if(empty(device_keys), arrayFilter(k -> k != '', [known_as(app_id, user_key)]), []),
            arrayFilter(k -> k != '', [user_key, key_of('c', if(click_id = '0', '', click_id))])
        ) AS key
        WHERE touch_at >= reach_start
          AND touch_at <= span.2
          AND received_at >= reach_start -- nothing is received before it happened
          AND has({touch_types:Array(String)}, touch_type)
    ),
    matched AS
    (
        SELECT
            c.app_id AS app_id,
            c.conversion_id AS conversion_id,
            -- A touch that shares several ids, or that has a copy, is one touch.
            arraySort(groupUniqArray((t.touch_at, t.channel, t.touch_id))) AS every,
            arrayFilter((t, n) -> n = 1, every, arrayEnumerateUniq(every.3)) AS distinct_touches,
            if({lookback_steps:UInt32} = 0, distinct_touches,
               arraySlice(distinct_touches, -toInt64({lookback_steps:UInt32}))) AS touches
        FROM touch_keys AS t
        INNER JOIN conversion_keys AS c ON t.app_id = c.app_id AND t.key = c.key
        WHERE dateDiff('millisecond', t.touch_at, c.converted_at) BETWEEN 0 AND {lookback_ms:Int64}
        GROUP BY app_id, conversion_id
    )
SELECT
    true,
    c.app_id,
    c.conversion_id,
    c.converted_at,
    c.value,
    m.touches.3,
    m.touches.1,
    m.touches.2
FROM
(
    SELECT app_id, conversion_id, converted_at, value
    FROM staging.{conversions:Identifier}
    WHERE cityHash64(app_id, conversion_id) % {buckets:UInt32} = {bucket:UInt32}
) AS c
LEFT JOIN matched AS m ON c.app_id = m.app_id AND c.conversion_id = m.conversion_id

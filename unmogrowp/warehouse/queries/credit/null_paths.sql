-- Journeys that did not convert on {day}: for everybody who was touched on it and whose touches
-- share neither an id nor a component with a conversion of it (staging.{conversion_keys}), the touches
-- up to its end, at most {lookback_ms} before the last of them. A person is the component of an id that the touch carries;
-- where none is stitched, the first id. Days before and after do not matter, so a day can be built
-- for itself and built again.
WITH
    toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms,
    fromUnixTimestamp64Milli(day_ms - {lookback_ms:Int64}, 'UTC') AS reach_start,
    fromUnixTimestamp64Milli(day_ms + 86399999, 'UTC') AS reach_end,
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    -- Whoever is stitched goes by the component, whichever of its ids a row carries.
    (app, key) -> if({knows_people:Bool}, joinGet({people:String}, 'person', app, key), '') AS known_as,
    (app, key) -> if(known_as(app, key) = '', key, known_as(app, key)) AS person_of,
    keyed AS
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
            if(empty(device_keys), [known_as(app_id, user_key)],
               arrayMap(key -> known_as(app_id, key), device_keys)) AS components,
            arrayConcat(
                arrayMap(key -> person_of(app_id, key), device_keys),
                arrayFilter(k -> k != '', [user_key, key_of('c', if(click_id = '0', '', click_id))])
            ) AS keys,
            arrayFirst(k -> k != '', components) AS component,
            if(component = '', keys[1], component) AS person
        FROM clean.touches
        WHERE touch_at >= reach_start
          AND touch_at <= reach_end
          AND received_at >= reach_start -- nothing is received before it happened
          AND has({touch_types:Array(String)}, touch_type)
          AND notEmpty(keys)
    ),
    touched AS
    (
        SELECT app_id, person
        FROM keyed
        WHERE toDate(touch_at) = {day:Date}
          AND cityHash64(app_id, person) % {buckets:UInt32} = {bucket:UInt32}
    )
SELECT
    false,
    app_id,
    person,
    touches[-1].1,
    toDecimal128(0, 9),
    touches.3,
    touches.1,
    touches.2
FROM
(
    SELECT
        app_id,
        person,
        arraySort(groupUniqArray((touch_at, channel, touch_id))) AS every,
        arrayFilter((t, n) -> n = 1, every, arrayEnumerateUniq(every.3)) AS distinct_touches,
        arrayFilter(
            t -> dateDiff('millisecond', t.1, distinct_touches[-1].1) <= {lookback_ms:Int64},
            distinct_touches
        ) AS in_reach,
        if({lookback_steps:UInt32} = 0, in_reach,
           arraySlice(in_reach, -toInt64({lookback_steps:UInt32}))) AS touches
    FROM keyed
    WHERE (app_id, person) IN (SELECT app_id, person FROM touched)
    GROUP BY app_id, person
    HAVING NOT max(arrayExists(key -> (app_id, key) IN (SELECT app_id, key FROM staging.{conversion_keys:Identifier}),
                               arrayPushBack(keys, person)))
)

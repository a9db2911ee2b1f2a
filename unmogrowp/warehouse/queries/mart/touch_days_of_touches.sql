-- Days of installs and openings that the landed touches of {touches} can reach, by an id both have;
-- and, among the days in reach, those that are due already: their installs may not be published yet,
-- nor, where a ruleset asks for re-engagements, their openings.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    (tag, id) -> if(trimBoth(id, '0-') = '', '', concat(tag, id)) AS key_of,
    (
        SELECT (min(touch_at), max(touch_at), count())
        FROM {database:Identifier}.{touches:Identifier}
    ) AS span,
    toDate(span.1 - toIntervalMillisecond({reach_after_ms:Int64})) AS first_day,
    toDate(span.2 + toIntervalMillisecond({reach_before_ms:Int64})) AS last_day,
    touch_keys AS
    (
        SELECT app_id, touch_at, key
        FROM {database:Identifier}.{touches:Identifier}
        ARRAY JOIN arrayFilter(k -> k != '', [
            key_of('c', click_id),
            key_of('i', idfa),
            key_of('v', idfv),
            key_of('g', gaid),
            key_of('a', android_id),
            key_of('u', user_id)
        ]) AS key
    ),
    conversion_keys AS
    (
        SELECT app_id, happened_at, key
        FROM
        (
            SELECT app_id, installed_at AS happened_at,
                   click_id, idfa, idfv, gaid, android_id, device_id, user_id
            FROM mart.installs
            WHERE toDate(installed_at) BETWEEN first_day AND last_day
            UNION ALL
            SELECT app_id, opened_at,
                   click_id, idfa, idfv, gaid, android_id, device_id, user_id
            FROM mart.openings
            WHERE {has_openings:Bool} AND toDate(opened_at) BETWEEN first_day AND last_day
        )
        ARRAY JOIN arrayDistinct(arrayFilter(k -> k != '', [
            key_of('c', click_id),
            key_of('i', idfa),
            key_of('v', idfv),
            key_of('v', device_id),
            key_of('g', gaid),
            key_of('a', android_id),
            key_of('a', device_id),
            key_of('u', user_id)
        ])) AS key
    )
SELECT DISTINCT
    'attribution',
    day,
    'touched',
    {landing_seq:UInt64},
    'touches',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT toDate(c.happened_at) AS day
    FROM conversion_keys AS c
    INNER JOIN touch_keys AS t ON c.app_id = t.app_id AND c.key = t.key
    WHERE dateDiff('millisecond', t.touch_at, c.happened_at)
        BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
    UNION DISTINCT
    SELECT day
    FROM audit.touched_days
    WHERE mart = 'installs' OR {has_openings:Bool} AND mart = 'attribution'
    GROUP BY mart, day
    HAVING maxIf(watermark, state = 'touched') > maxIf(watermark, state = 'built')
       AND day BETWEEN first_day AND last_day
)
WHERE span.3 > 0

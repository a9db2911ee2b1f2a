-- Days whose journeys the builds of identities after {after} through {through} may change: those on
-- which touches carry ids of components that changed, and those of conversions of these components.
-- Of touches only where a component has several ids or users: one id makes the same path under any
-- name. Too much may be named and never too little.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    changed AS
    (
        SELECT DISTINCT app_id, component_key
        FROM clean.identities
        WHERE build_id > {after:UInt64} AND build_id <= {through:UInt64}
    ),
    -- All versions: who left a component is a journey of its own now.
    ids AS
    (
        SELECT DISTINCT app_id, identifier, component_key
        FROM clean.identities
        WHERE (app_id, component_key) IN (SELECT app_id, component_key FROM changed)
    ),
    numbers AS (SELECT cityHash64(app_id, identifier) FROM ids),
    carried AS
    (
        SELECT i.app_id AS app_id, i.component_key AS component_key,
               groupUniqArray(toDate(t.touch_at)) AS days, uniqExact(i.identifier) AS carried_ids
        FROM
        (
            SELECT app_id, touch_at, id
            FROM clean.touches
            ARRAY JOIN arrayFilter(
                id -> id != '' AND cityHash64(app_id, id) IN (SELECT * FROM numbers),
                [idfa, idfv, gaid, android_id, user_id]
            ) AS id
        ) AS t
        INNER JOIN ids AS i ON i.app_id = t.app_id AND i.identifier = t.id
        GROUP BY app_id, component_key
    ),
    touched_keys AS
    (
        SELECT i.app_id AS app_id, i.identifier AS device_key
        FROM ids AS i
        INNER JOIN carried AS c ON c.app_id = i.app_id AND c.component_key = i.component_key
    )
SELECT DISTINCT
    'credit',
    day,
    'touched',
    {landing_seq:UInt64},
    'identity',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT arrayJoin(days) AS day FROM carried WHERE carried_ids > 1
    UNION DISTINCT
    SELECT toDate(installed_at) FROM mart.installs
    WHERE (app_id, device_key) IN (SELECT app_id, device_key FROM touched_keys)
    UNION DISTINCT
    SELECT toDate(occurred_at) FROM clean.events
    WHERE (app_id, device_key) IN (SELECT app_id, device_key FROM touched_keys)
      AND (has({event_names:Array(String)}, event_name) OR has({currencies:Array(String)}, currency))
)

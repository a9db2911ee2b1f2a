-- Days of installs that come out otherwise with the new components, or come at all: staging.{kept}
-- against what is published for the devices in staging.{devices}.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH published AS
(
    SELECT
        app_id, device_key, ordinal, toUnixTimestamp64Milli(installed_at) AS installed_ms,
        source_message_id AS message_id, ifNull(since_previous_ms, -1) AS since_ms, is_implied
    FROM mart.installs
    WHERE (app_id, device_key) IN (
        SELECT app_id, component_key FROM staging.{devices:Identifier}
        UNION DISTINCT
        SELECT app_id, from_component FROM staging.{devices:Identifier})
),
numbered AS
(
    SELECT
        app_id, device_key, ordinal, installed_ms, message_id,
        ifNull(since_previous_ms, -1) AS since_ms, is_implied
    FROM staging.{kept:Identifier}
)
SELECT DISTINCT
    'installs',
    toDate(fromUnixTimestamp64Milli(installed_ms, 'UTC')),
    'touched',
    {landing_seq:UInt64},
    'identity',
    fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC')
FROM
(
    SELECT * FROM published UNION ALL SELECT * FROM numbered
)
GROUP BY app_id, device_key, ordinal, installed_ms, message_id, since_ms, is_implied
HAVING count() = 1

-- Days of events that inherit from conversions of {day} whose versions were recorded at
-- {published_ms} or after: those of their devices and of their users, from that day on. Installs
-- that are gone are found by the versions before.
INSERT INTO audit.touched_days (mart, day, state, watermark, reason, recorded_at)
WITH
    changed AS
    (
        SELECT app_id, conversion_id
        FROM mart.decision_versions
        WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
          AND known_from >= fromUnixTimestamp64Milli({published_ms:Int64}, 'UTC')
    ),
    owners AS
    (
        SELECT app_id, device_key, install_id, conversion_id != install_id AS is_opening
        FROM mart.attributed_installs
        WHERE ruleset_id = {ruleset_id:String} AND toDate(installed_at) = {day:Date}
          AND (app_id, conversion_id) IN (SELECT app_id, conversion_id FROM changed)
    ),
    -- Their events carry any of the device keys of the component.
    device_keys AS
    (
        SELECT app_id, device_key FROM owners
        UNION DISTINCT
        SELECT app_id, device_key
        FROM clean.component_devices
        WHERE (app_id, component_key) IN (SELECT app_id, device_key FROM owners)
    ),
    users AS
    (
        SELECT app_id, user_id
        FROM mart.installs
        WHERE toDate(installed_at) = {day:Date} AND user_id != ''
          AND (app_id, install_id) IN (SELECT app_id, install_id FROM owners)
        UNION DISTINCT
        -- The install of a re-engagement is one of an earlier day.
        SELECT app_id, user_id
        FROM mart.installs
        WHERE user_id != ''
          AND (app_id, device_key) IN (SELECT app_id, device_key FROM owners WHERE is_opening)
          AND (app_id, install_id) IN (SELECT app_id, install_id FROM owners WHERE is_opening)
    )
SELECT DISTINCT
    'events',
    toDate(occurred_at),
    'touched',
    {landing_seq:UInt64},
    'decisions',
    fromUnixTimestamp64Milli({published_ms:Int64}, 'UTC')
FROM clean.events
WHERE received_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND occurred_at >= toDateTime64({day:Date}, 3, 'UTC')
  AND (event_type = 'track' AND event_name != 'Application Installed' OR revenue IS NOT NULL)
  AND ((app_id, device_key) IN (SELECT app_id, device_key FROM device_keys)
       OR user_id != '' AND (app_id, user_id) IN (SELECT app_id, user_id FROM users))

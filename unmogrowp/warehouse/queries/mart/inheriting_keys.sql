-- What events that inherit from the owners in staging.{owners} carry, as numbers: any device key of
-- the component, or the user id of the install.
SELECT key
FROM
(
    SELECT cityHash64('device', app_id, device_key) AS key
    FROM staging.{owners:Identifier}
    UNION ALL
    SELECT cityHash64('device', app_id, device_key)
    FROM clean.component_devices
    WHERE (app_id, component_key) IN (SELECT app_id, device_key FROM staging.{owners:Identifier})
    UNION ALL
    SELECT cityHash64('user', app_id, user_id)
    FROM mart.installs
    WHERE toDate(installed_at) = {day:Date} AND user_id != ''
      -- By number: an owner too many does no harm, and a set of strings is large.
      AND cityHash64(app_id, install_id) IN
          (SELECT cityHash64(app_id, install_id) FROM staging.{owners:Identifier})
    UNION ALL
    -- The install of a re-engagement is one of an earlier day.
    SELECT cityHash64('user', app_id, user_id)
    FROM mart.installs
    WHERE user_id != ''
      AND (app_id, device_key) IN
          (SELECT app_id, device_key FROM staging.{owners:Identifier} WHERE is_opening)
      AND (app_id, install_id) IN
          (SELECT app_id, install_id FROM staging.{owners:Identifier} WHERE is_opening)
)

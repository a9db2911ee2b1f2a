-- Devices whose conversions of {day} are reported otherwise since {published_ms}, once for each of
-- them: what is about to be published, in staging.{decisions}, and, for conversions that are gone,
-- what is published still. Two conversions may share a number; too many owners do no harm.
WITH changed AS
    (
        SELECT cityHash64(app_id, conversion_id) AS subject
        FROM mart.decision_versions
        WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
          AND known_from >= fromUnixTimestamp64Milli({published_ms:Int64}, 'UTC')
    )
SELECT app_id, device_key, install_id, conversion_id != install_id AS is_opening
FROM staging.{decisions:Identifier}
WHERE cityHash64(app_id, conversion_id) IN (SELECT subject FROM changed)
UNION ALL
SELECT app_id, device_key, install_id, conversion_id != install_id
FROM mart.attributed_installs
WHERE ruleset_id = {ruleset_id:String} AND toDate(installed_at) = {day:Date}
  AND cityHash64(app_id, conversion_id) IN (SELECT subject FROM changed)

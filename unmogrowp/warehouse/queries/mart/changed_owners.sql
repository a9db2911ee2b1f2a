-- Devices whose conversions of {day} are reported otherwise since {published_ms}: what is about to be
-- published, in staging.{decisions}, and, for conversions that are gone, what is published still.
WITH changed AS
    (
        SELECT app_id, conversion_id
        FROM mart.decision_versions
        WHERE ruleset_id = {ruleset_id:String} AND day = {day:Date}
          AND known_from >= fromUnixTimestamp64Milli({published_ms:Int64}, 'UTC')
    )
SELECT DISTINCT app_id, device_key, install_id, conversion_id != install_id AS is_opening
FROM
(
    SELECT app_id, device_key, install_id, conversion_id
    FROM staging.{decisions:Identifier}
    UNION ALL
    SELECT app_id, device_key, install_id, conversion_id
    FROM mart.attributed_installs
    WHERE ruleset_id = {ruleset_id:String} AND toDate(installed_at) = {day:Date}
)
WHERE (app_id, conversion_id) IN (SELECT app_id, conversion_id FROM changed)

-- Decisions about the installs of {app_id} under {ruleset_id}, with the event they rest on;
-- without a ruleset those that count.
SELECT
    i.source_message_id AS message_id,
    i.install_id AS install_id,
    toString(d.media_source) AS media_source,
    d.is_organic AS is_organic,
    toString(d.match_type) AS match_type,
    d.touch_id AS touch_id,
    d.config_hash AS config_hash,
    toString(d.ruleset_id) AS ruleset_id,
    toUnixTimestamp64Milli(d.installed_at) AS installed_at
FROM mart.attributed_installs AS d
INNER JOIN mart.installs AS i ON i.app_id = d.app_id AND i.install_id = d.install_id
WHERE d.app_id = {app_id:String}
  AND if({ruleset_id:String} = '', d.is_primary, d.ruleset_id = {ruleset_id:String})
  AND d.conversion_id = d.install_id
ORDER BY message_id, install_id

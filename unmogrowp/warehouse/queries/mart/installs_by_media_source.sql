-- Installs of one app by the source that got them, under the primary ruleset.
SELECT media_source, count() AS installs
FROM mart.attributed_installs
WHERE app_id = {app_id:String} AND is_primary
GROUP BY media_source
ORDER BY installs DESC, media_source

-- Installs of one app by the source that got them, by the decisions that count.
SELECT media_source, count() AS installs
FROM mart.attributed_installs
WHERE app_id = {app_id:String} AND is_primary AND conversion_kind != 're_engagement'
GROUP BY media_source
ORDER BY installs DESC, media_source

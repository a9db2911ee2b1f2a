-- Touches as they landed that share an id with an install, by ids alone: the rows that a reader
-- would look for. From {reach_ms} before it to a day after it, latest first.
SELECT
    substring(touch_id, 1, 8),
    concat(if(is_retargeting, 'retargeting ', ''), touch_type) AS type, media_source, campaign, site_id,
    toString(touch_at) AS at, click_id,
    coalesce(nullIf(gaid, ''), nullIf(idfa, ''), '') AS advertising_id,
    dateDiff('ms', touch_at, installed_at) AS age_ms,
    touch_id
FROM clean.touches AS t
INNER JOIN
(
    SELECT app_id, installed_at, gaid AS its_gaid, idfa AS its_idfa, click_id AS its_click_id
    FROM mart.installs WHERE install_id = {install_id:String}
) AS i ON t.app_id = i.app_id
WHERE age_ms BETWEEN -86400000 AND {reach_ms:Int64}
  AND (gaid != '' AND gaid = its_gaid OR idfa != '' AND idfa = its_idfa
       OR click_id != '' AND click_id = its_click_id)
ORDER BY touch_at DESC, touch_id

-- Installs that a decision about a publisher restates: those of the touched days for which one of
-- its touches was considered.
INSERT INTO audit.restatements
    (build_id, app_id, day, install_id, source_message_id, from_component, from_ordinal,
     to_component, to_ordinal, reason, joined_by, recorded_at, caused_by)
SELECT
    0, app_id, toDate(installed_at), install_id, source_message_id, device_key, ordinal,
    device_key, ordinal, {reason:String}, [], fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'),
    {review_id:String}
FROM mart.installs
WHERE app_id = {app_id:String}
  AND has({days:Array(Date)}, toDate(installed_at))
  AND install_id IN
  (
      SELECT install_id
      FROM mart.attribution_candidates
      WHERE app_id = {app_id:String}
        AND (conversion_id = install_id OR conversion_id = '')
        AND media_source = {media_source:String}
        AND site_id = {site_id:String}
        AND has({days:Array(Date)}, toDate(installed_at))
  )
ORDER BY app_id, installed_at, install_id

-- Touches matched with the subjects of {bucket}, with what is known of each subject, in the order of
-- the columns of the scratch table `considered`. Added here and not while matching: the table of all
-- subjects leaves the caches of the processor, that of a bucket does not.
SELECT
    m.number, m.subject, s.app_id, s.conversion_id, s.install_id, s.installed_at, m.touch_id,
    m.touch_type, m.media_source, m.campaign, m.campaign_id, m.adset, m.ad, m.site_id, m.touch_at,
    m.is_retargeting, m.is_time_assumed, m.age_ms, m.matched_by, m.place, m.window_ms,
    s.eligible_touches, s.install_begin_at, m.is_other_country, m.unusable_ids, m.touch_ip_prefix,
    s.ip_prefix
FROM staging.{matched:Identifier} AS m
INNER JOIN staging.{subjects:Identifier} AS s ON s.subject = m.subject
WHERE m.bucket = {bucket:UInt32}

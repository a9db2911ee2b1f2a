-- Touches considered for the openings that are decided, in the order of the columns of the scratch
-- table `considered`: of all in staging.{considered} those between install and opening, with what
-- is taken marked. A touch belongs to the first opening of the component that it could have led to;
-- openings of earlier days are in staging.{subjects} for that.
SELECT
    number, subject, app_id, conversion_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
    campaign_id, adset, ad, site_id, touch_at, is_retargeting, is_time_assumed, age_ms, matched_by,
    place, window_ms,
    if(could_win AND answered_by.3 != conversion_id, 'earlier_opening', eligible_touches),
    install_begin_at, is_other_country, unusable_ids, touch_ip_prefix, install_ip_prefix
FROM
(
    SELECT
        c.*,
        s.is_decided AS is_decided,
        c.is_retargeting AND c.age_ms <= c.window_ms AS could_win,
        minIf((c.installed_at, s.source_message_id, c.conversion_id), could_win)
            OVER (PARTITION BY c.app_id, s.device_key, c.touch_id) AS answered_by
    FROM staging.{considered:Identifier} AS c
    INNER JOIN staging.{subjects:Identifier} AS s
        ON c.subject = s.subject
    WHERE c.age_ms >= 0 AND c.touch_at > s.touches_after
)
WHERE is_decided

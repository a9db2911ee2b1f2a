-- The floor: the same candidate rows by one plain statement, written for this one ruleset. No
-- ruleset as data, no second copies, no zero ids, no user ids, no buckets, no staging, no checks.
INSERT INTO floor.candidates
WITH
    installs AS
    (
        SELECT app_id, install_id, installed_at, click_id, gaid, device_id, android_id,
               source_message_id, referrer_media_source, referrer_campaign, referrer_click_at,
               is_referrer_time_assumed
        FROM mart.installs
        WHERE toDate(installed_at) = {day:Date}
    ),
    keys AS
    (
        SELECT *, key
        FROM installs
        ARRAY JOIN arrayFilter(k -> length(k) > 1, [concat('c', click_id), concat('g', gaid)])
            AS key
    ),
    touches AS
    (
        SELECT app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad,
               site_id, touch_at, click_id, gaid, key
        FROM clean.touches
        ARRAY JOIN arrayFilter(k -> length(k) > 1, [concat('c', click_id), concat('g', gaid)])
            AS key
        WHERE touch_at >= toDateTime64({day:Date} - 8, 3, 'UTC')
          AND touch_at < toDateTime64({day:Date} + 2, 3, 'UTC')
    )
SELECT
    'ours', app_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
    campaign_id, adset, ad, site_id, touch_at, is_time_assumed, age_ms, match_type, matched_on,
    window_ms, age_ms >= 0 AND age_ms <= window_ms AS is_in_window,
    CAST([], 'Array(Tuple(rule LowCardinality(String), mode LowCardinality(String), value Float64, threshold Float64))'),
    if(touch_type = 'click', 1, 3) AS tier,
    if(is_in_window, row_number() OVER best, 0) AS rank,
    multiIf(rank = 1, 'won', rank > 1, 'lost', 'refused'),
    multiIf(rank = 1, '', age_ms < 0, 'after_install', NOT is_in_window, 'outside_window',
            tier > first_value(tier) OVER best, 'lower_tier',
            touch_at < first_value(touch_at) OVER best, 'earlier_touch',
            place > first_value(place) OVER best, 'weaker_match', 'touch_id_order')
FROM
(
    SELECT
        i.app_id AS app_id, i.install_id AS install_id, i.installed_at AS installed_at,
        t.touch_id AS touch_id, t.touch_type AS touch_type, t.media_source AS media_source,
        t.campaign AS campaign, t.campaign_id AS campaign_id, t.adset AS adset, t.ad AS ad,
        t.site_id AS site_id, t.touch_at AS touch_at, false AS is_time_assumed,
        dateDiff('millisecond', t.touch_at, i.installed_at) AS age_ms,
        t.click_id = i.click_id AS by_click,
        if(by_click, 'click_id', 'device_id') AS match_type,
        if(by_click, 2, 3) AS place,
        arrayFilter(f -> f != '',
            [if(by_click, 'click_id', ''), if(t.gaid = i.gaid, 'gaid', '')]) AS matched_on,
        if(t.touch_type = 'click', 604800000, 86400000) AS window_ms
    FROM touches AS t
    INNER JOIN keys AS i ON t.app_id = i.app_id AND t.key = i.key
    WHERE age_ms BETWEEN -86400000 AND 691200000
      AND startsWith(t.key, if(by_click, 'c', 'g'))
    UNION ALL
    SELECT
        app_id, install_id, installed_at,
        lower(left(hex(SHA256(concat(app_id, '\0referrer\0', source_message_id))), 32)),
        'click', referrer_media_source, referrer_campaign, '', '', '', '',
        coalesce(referrer_click_at, installed_at) AS at, is_referrer_time_assumed,
        dateDiff('millisecond', at, installed_at) AS age,
        false, 'referrer', 1, ['install_referrer'], 604800000
    FROM installs
    WHERE referrer_media_source != ''
      AND age BETWEEN -86400000 AND 691200000
      AND (app_id, install_id) NOT IN
      (
          SELECT i.app_id AS app_id, i.install_id AS install_id
          FROM (SELECT * FROM clean.touches WHERE touch_type = 'click') AS t
          INNER JOIN
              (SELECT * FROM installs WHERE referrer_media_source != '' AND click_id != '') AS i
              ON t.app_id = i.app_id AND t.click_id = i.click_id
          WHERE dateDiff('millisecond', t.touch_at, i.installed_at)
              BETWEEN -86400000 AND 691200000
      )
)
WINDOW best AS
    (PARTITION BY app_id, install_id ORDER BY is_in_window DESC, tier, touch_at DESC, place, touch_id)

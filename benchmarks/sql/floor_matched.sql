-- The floor, first half: pairs of touch and install, by one plain join written for this one ruleset.
-- No ruleset as data, no second copies, no zero ids, no user ids, no windows of campaigns, no lists
-- of networks or reviews, no buckets. Kept in memory, because some rules about a touch need the
-- others beside it and the join costs more than keeping its rows.
INSERT INTO floor.matched
WITH
    (tag, app, id) -> if(id = '', 0, bitOr(bitAnd(cityHash64(app, id), 18446744073709551614), tag))
        AS key_of,
    installs AS
    (
        SELECT app_id, install_id, installed_at, click_id, gaid, country, install_begin_at,
               source_message_id, referrer_media_source, referrer_campaign, referrer_click_at,
               is_referrer_time_assumed
        FROM mart.installs
        WHERE toDate(installed_at) = {day:Date}
    ),
    keys AS
    (
        SELECT *, key
        FROM installs
        ARRAY JOIN arrayFilter(k -> k != 0, [key_of(1, app_id, click_id), key_of(0, app_id, gaid)])
            AS key
    ),
    touches AS
    (
        SELECT app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad,
               site_id, touch_at, is_retargeting, click_id, gaid,
               upper(params['country']) AS country,
               countEqual(time_flags, 'gaid.unusable') AS unusable_ids, key
        FROM clean.touches
        ARRAY JOIN arrayFilter(k -> k != 0, [key_of(1, app_id, click_id), key_of(0, app_id, gaid)])
            AS key
        WHERE touch_at >= toDateTime64({day:Date} - 8, 3, 'UTC')
          AND touch_at < toDateTime64({day:Date} + 2, 3, 'UTC')
    )
SELECT
    i.app_id AS app_id, i.install_id AS install_id, i.installed_at AS installed_at,
    t.touch_id AS touch_id, t.touch_type AS touch_type, t.media_source AS media_source,
    t.campaign AS campaign, t.campaign_id AS campaign_id, t.adset AS adset, t.ad AS ad,
    t.site_id AS site_id, t.touch_at AS touch_at, false AS is_time_assumed,
    t.is_retargeting AS is_retargeting,
    dateDiff('millisecond', t.touch_at, i.installed_at) AS age_ms,
    t.click_id = i.click_id AS by_click,
    t.gaid = i.gaid AS by_gaid,
    if(by_click, 2, 3) AS place,
    if(t.touch_type = 'click', 604800000, 86400000) AS window_ms,
    i.install_begin_at AS install_begin_at,
    t.country != '' AND t.country != i.country AS is_other_country,
    t.unusable_ids AS unusable_ids,
    t.touch_type = 'click' AND NOT by_click AND i.referrer_media_source != ''
        AND t.touch_at >= i.referrer_click_at AND age_ms >= 0
        AND lower(t.media_source) != lower(i.referrer_media_source) AS is_other_referrer
FROM touches AS t
INNER JOIN keys AS i ON t.key = i.key
WHERE t.app_id = i.app_id
  AND age_ms BETWEEN -86400000 AND 691200000
  AND bitAnd(t.key, 1) = by_click AND (by_click OR by_gaid)
UNION ALL
SELECT
    app_id, install_id, installed_at,
    lower(left(hex(SHA256(concat(app_id, '\0referrer\0', source_message_id))), 32)),
    'click', referrer_media_source, referrer_campaign, '', '', '', '',
    coalesce(referrer_click_at, installed_at) AS at, is_referrer_time_assumed, false,
    dateDiff('millisecond', at, installed_at) AS age, false, false, 1, 604800000,
    install_begin_at, false, 0, false
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

-- The floor, second half: verdicts and ranks of the pairs in floor.matched, straight into the table.
INSERT INTO floor.candidates
WITH
    'Array(Tuple(rule LowCardinality(String), mode LowCardinality(String), value Float64, threshold Float64))'
        AS verdicts,
    hammered AS
    (
        SELECT app_id, install_id, touch_id, same_hour, same_day
        FROM
        (
            SELECT app_id, install_id, touch_id,
                   count() OVER (PARTITION BY app_id, install_id, media_source,
                                 toStartOfHour(touch_at)) AS same_hour,
                   count() OVER (PARTITION BY app_id, install_id, media_source,
                                 toDate(touch_at)) AS same_day
            FROM floor.matched
            WHERE touch_type = 'click' AND NOT is_time_assumed
              AND cityHash64(app_id, install_id, media_source, toDate(touch_at)) IN
              (
                  SELECT cityHash64(app_id, install_id, media_source, toDate(touch_at)) AS device_day
                  FROM floor.matched
                  WHERE touch_type = 'click' AND NOT is_time_assumed
                  GROUP BY device_day
                  HAVING count() > 20
              )
        )
        WHERE same_hour > 20 OR same_day > 100
    ),
    stacked AS
    (
        SELECT
            app_id, install_id, touch_id,
            max(from_here) OVER (
                PARTITION BY app_id, install_id, touch_type ORDER BY touch_ms
                RANGE BETWEEN 999 PRECEDING AND CURRENT ROW
            ) AS placements
        FROM
        (
            SELECT
                app_id, install_id, touch_id, touch_type,
                toUnixTimestamp64Milli(touch_at) AS touch_ms,
                uniqExact(
                    if(touch_type = 'click', touch_id, ''),
                    if(touch_type = 'click', ('', '', '', ''), (media_source, site_id, adset, ad))
                ) OVER (
                    PARTITION BY app_id, install_id, touch_type ORDER BY touch_ms
                    RANGE BETWEEN CURRENT ROW AND 999 FOLLOWING
                ) AS from_here
            FROM floor.matched
            WHERE NOT is_time_assumed
              AND cityHash64(app_id, install_id) IN
              (
                  SELECT device
                  FROM floor.matched
                  WHERE NOT is_time_assumed
                  GROUP BY cityHash64(app_id, install_id) AS device, touch_type,
                           toUnixTimestamp(touch_at)
                  HAVING 2 * count() >= 3
              )
        )
    ),
    suspected AS
    (
        SELECT app_id, install_id, touch_id, max(same_hour) AS hour_clicks,
               max(same_day) AS day_clicks, max(placements) AS placements
        FROM
        (
            SELECT app_id, install_id, touch_id, same_hour, same_day, 0 AS placements FROM hammered
            UNION ALL
            SELECT app_id, install_id, touch_id, 0, 0, placements FROM stacked WHERE placements >= 3
        )
        GROUP BY app_id, install_id, touch_id
    ),
    judged AS
    (
        SELECT
            m.app_id AS app_id, m.install_id AS install_id, m.touch_id AS touch_id,
            m.* EXCEPT (app_id, install_id, touch_id), hour_clicks, day_clicks, placements,
            if(touch_type = 'click', 1, 3) AS tier,
            age_ms >= 0 AND age_ms <= window_ms AS is_in_window,
            touch_type = 'click' AND NOT is_time_assumed AND age_ms >= 0 AS has_ctit,
            has_ctit AND age_ms < 1000 AS is_short,
            ifNull(dateDiff('millisecond', install_begin_at, touch_at), -1) AS after_begin_ms,
            has_ctit AND after_begin_ms >= if(place = 1, 0, 1000) AS is_after_begin,
            is_in_window AND NOT is_short AND NOT is_after_begin AND hour_clicks <= 20
                AND day_clicks <= 100 AS is_eligible
        FROM floor.matched AS m
        LEFT JOIN suspected USING (app_id, install_id, touch_id)
    ),
    ranked AS
    (
        SELECT app_id, install_id, touch_id, row_number() OVER best AS rank,
               first_value(tier) OVER best AS best_tier,
               first_value(touch_at) OVER best AS best_touch_at,
               first_value(place) OVER best AS best_place
        FROM judged
        WHERE is_eligible
        WINDOW best AS
            (PARTITION BY app_id, install_id ORDER BY tier, touch_at DESC, place, touch_id)
    )
SELECT
    'ours', app_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
    campaign_id, adset, ad, site_id, touch_at, is_time_assumed, age_ms,
    ['referrer', 'click_id', 'device_id'][place],
    CAST(
        multiIf(place = 1, ['install_referrer'], by_click AND by_gaid, ['click_id', 'gaid'],
                by_click, ['click_id'], ['gaid']),
        'Array(LowCardinality(String))'
    ),
    window_ms, is_in_window,
    if(has_ctit AND (age_ms < 10000 OR is_after_begin) OR hour_clicks + day_clicks + placements > 0
           OR is_other_country OR unusable_ids > 0 OR is_other_referrer,
       CAST(
           arrayMap(v -> (v.2, v.3, v.4, v.5), arrayFilter(v -> v.1, [
               (is_short, 'click_injection.ctit_short', 'block', toFloat64(age_ms), 1000.),
               (has_ctit AND age_ms < 10000, 'click_injection.ctit_short', 'flag',
                toFloat64(age_ms), 10000.),
               (is_after_begin, 'click_injection.after_begin', 'block', toFloat64(after_begin_ms),
                if(place = 1, 0., 1000.)),
               (hour_clicks > 20, 'hyper_engagement', 'block', toFloat64(hour_clicks), 20.),
               (day_clicks > 100, 'hyper_engagement', 'block', toFloat64(day_clicks), 100.),
               (placements > 0, 'ad_stacking', 'flag', toFloat64(placements), 3.),
               (is_other_country, 'geo_mismatch', 'flag', 1., 1.),
               (unusable_ids > 0, 'malformed_id', 'flag', toFloat64(unusable_ids), 1.),
               (is_other_referrer, 'referrer_mismatch', 'flag', 1., 1.)
           ])),
           verdicts
       ),
       []
    ),
    tier, rank,
    multiIf(rank = 1, 'won', rank > 1, 'lost', 'refused'),
    multiIf(rank = 1, '', age_ms < 0, 'after_install', NOT is_in_window, 'outside_window',
            is_short, 'fraud_blocked:click_injection.ctit_short',
            is_after_begin, 'fraud_blocked:click_injection.after_begin',
            NOT is_eligible, 'fraud_blocked:hyper_engagement',
            tier > best_tier, 'lower_tier',
            touch_at < best_touch_at, 'earlier_touch',
            place > best_place, 'weaker_match', 'touch_id_order'),
    is_retargeting, install_id
FROM judged
ANY LEFT JOIN ranked USING (app_id, install_id, touch_id)

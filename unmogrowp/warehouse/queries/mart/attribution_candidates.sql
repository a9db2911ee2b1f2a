-- Rows of mart.attribution_candidates for the installs of {day} in one of {buckets} buckets, in
-- the order of its columns. Touch and install never meet without the app.
--
-- Windows and tiers are arrays in the order of {method_order}; a window of -1 says that the
-- ruleset has no such rule, and {user_id_length} is 0 where no rule looks at user ids. Both edges
-- of a window are in; a touch after the install is refused.
WITH
    toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms,
    fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC') AS reach_start,
    fromUnixTimestamp64Milli(day_ms + 86399999 + {reach_after_ms:Int64}, 'UTC') AS reach_end,
    indexOf({method_order:Array(String)}, 'referrer') AS referrer_place,
    indexOf({method_order:Array(String)}, 'click_id') AS click_id_place,
    indexOf({method_order:Array(String)}, 'device_id') AS device_id_place,
    indexOf({method_order:Array(String)}, 'user_id') AS user_id_place,
    -- Sums instead of conditions: a rule that is absent for both kinds would make a constant of
    -- the condition, and the planner then trips over a column that is constant in one branch only.
    (kind, n) -> {click_windows:Array(Int64)}[n] * (kind = 'click')
        + {impression_windows:Array(Int64)}[n] * (kind != 'click') AS window_of,
    (kind, n) -> {click_tiers:Array(UInt8)}[n] * (kind = 'click')
        + {impression_tiers:Array(UInt8)}[n] * (kind != 'click') AS tier_of,
    -- Blank and all-zero ids match nothing: the clean layer removes them, this is the second lock.
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    (tag, id) -> if(id = '', '', concat(tag, id)) AS key_of,
    installs AS
    (
        SELECT
            app_id,
            install_id,
            installed_at,
            if(click_id = '0', '', click_id) AS click_id,
            real(device_id) AS device_id,
            real(idfa) AS idfa,
            real(idfv) AS idfv,
            real(gaid) AS gaid,
            real(android_id) AS android_id,
            left(real(user_id), {user_id_length:UInt32}) AS user_id,
            source_message_id,
            referrer_media_source,
            referrer_campaign,
            referrer_click_at,
            is_referrer_time_assumed
        FROM mart.installs
        WHERE toDate(installed_at) = {day:Date}
          AND cityHash64(install_id) % {buckets:UInt32} = {bucket:UInt32}
    ),
    install_keys AS
    (
        SELECT *, key
        FROM installs
        ARRAY JOIN arrayDistinct(arrayFilter(k -> k != '', [
            key_of('c', click_id),
            key_of('i', idfa),
            key_of('v', idfv),
            key_of('v', device_id),
            key_of('g', gaid),
            key_of('a', android_id),
            key_of('a', device_id),
            key_of('u', user_id)
        ])) AS key
    ),
    -- A copy received after the horizon of deduplication is a second row of the same touch; only
    -- the first received counts. Such a copy is late by at least that horizon, so looking at rows
    -- more than a day late is enough.
    late_touches AS
    (
        SELECT app_id, touch_id
        FROM clean.touches
        WHERE touch_at >= reach_start AND touch_at <= reach_end AND received_at >= reach_start
          AND received_at > touch_at + INTERVAL 1 DAY
    ),
    second_copies AS
    (
        SELECT app_id, touch_id, row.1 AS received_at, row.2 AS topic_id, row.3 AS partition,
               row.4 AS offset, row.5 AS frame_index, row.6 AS item_index
        FROM
        (
            SELECT
                app_id,
                touch_id,
                arraySort(groupArray(
                    (received_at, topic_id, partition, offset, frame_index, item_index)
                )) AS copies
            FROM clean.touches
            WHERE touch_at >= reach_start AND touch_at <= reach_end AND received_at >= reach_start
              AND (app_id, touch_id) IN (SELECT app_id, touch_id FROM late_touches)
            GROUP BY app_id, touch_id
            HAVING count() > 1
        )
        ARRAY JOIN arrayPopFront(copies) AS row
    ),
    touch_keys AS
    (
        SELECT
            app_id, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad, site_id,
            touch_at,
            if(touches.click_id = '0', '', touches.click_id) AS click_id,
            real(touches.idfa) AS idfa,
            real(touches.idfv) AS idfv,
            real(touches.gaid) AS gaid,
            real(touches.android_id) AS android_id,
            left(real(touches.user_id), {user_id_length:UInt32}) AS user_id,
            key
        FROM clean.touches AS touches
        ARRAY JOIN arrayFilter(k -> k != '', [
            key_of('c', click_id),
            key_of('i', idfa),
            key_of('v', idfv),
            key_of('g', gaid),
            key_of('a', android_id),
            key_of('u', user_id)
        ]) AS key
        WHERE touch_at >= reach_start
          AND touch_at <= reach_end
          AND received_at >= reach_start -- nothing is received before it happened
          AND (received_at <= touch_at + INTERVAL 1 DAY
               OR (app_id, touch_id, received_at, topic_id, partition, offset, frame_index,
                   item_index) NOT IN (SELECT * FROM second_copies))
    ),
    matches AS
    (
        SELECT
            i.app_id AS app_id,
            i.install_id AS install_id,
            i.installed_at AS installed_at,
            t.touch_id AS touch_id,
            t.touch_type AS touch_type,
            t.media_source AS media_source,
            t.campaign AS campaign,
            t.campaign_id AS campaign_id,
            t.adset AS adset,
            t.ad AS ad,
            t.site_id AS site_id,
            t.touch_at AS touch_at,
            false AS is_time_assumed,
            dateDiff('millisecond', t.touch_at, i.installed_at) AS age_ms,
            t.click_id != '' AND t.click_id = i.click_id AS by_click_id,
            t.idfa != '' AND t.idfa = i.idfa AS by_idfa,
            t.idfv != '' AND (t.idfv = i.idfv OR t.idfv = i.device_id) AS by_idfv,
            t.gaid != '' AND t.gaid = i.gaid AS by_gaid,
            t.android_id != '' AND (t.android_id = i.android_id OR t.android_id = i.device_id)
                AS by_android_id,
            t.user_id != '' AND t.user_id = i.user_id AS by_user_id,
            substring(t.key, 1, 1) AS tag
        FROM touch_keys AS t
        INNER JOIN install_keys AS i ON t.app_id = i.app_id AND t.key = i.key
        WHERE age_ms BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
          -- Of all keys that a touch and an install share, the first stands for the pair.
          AND tag = multiIf(
              by_click_id, 'c', by_idfa, 'i', by_idfv, 'v', by_gaid, 'g', by_android_id, 'a', 'u'
          )
    ),
    placed AS
    (
        SELECT
            app_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
            campaign_id, adset, ad, site_id, touch_at, is_time_assumed, age_ms,
            arrayFilter(field -> field != '', [
                if(by_click_id, 'click_id', ''),
                if(by_idfa, 'idfa', ''),
                if(by_idfv, 'idfv', ''),
                if(by_gaid, 'gaid', ''),
                if(by_android_id, 'android_id', ''),
                if(by_user_id, 'user_id', '')
            ]) AS matched_on,
            window_of(touch_type, click_id_place) AS click_id_window,
            window_of(touch_type, device_id_place) AS device_id_window,
            window_of(touch_type, user_id_place) AS user_id_window,
            -- Places in {method_order}; 255 where the pair does not match that way.
            if(by_click_id AND click_id_window >= 0, click_id_place, 255) AS by_click_id_place,
            if((by_idfa OR by_idfv OR by_gaid OR by_android_id) AND device_id_window >= 0,
               device_id_place, 255) AS by_device_id_place,
            if(by_user_id AND user_id_window >= 0, user_id_place, 255) AS by_user_id_place
        FROM matches
    ),
    landed AS
    (
        SELECT
            *,
            least(by_click_id_place, by_device_id_place, by_user_id_place) AS first_place,
            least(
                if(age_ms <= click_id_window, by_click_id_place, 255),
                if(age_ms <= device_id_window, by_device_id_place, 255),
                if(age_ms <= user_id_window, by_user_id_place, 255)
            ) AS first_place_in_window,
            if(first_place_in_window < 255, first_place_in_window, first_place) AS place
        FROM placed
        WHERE first_place < 255
    ),
    -- Installs whose click id meets a landed click: the click itself is the evidence then, and
    -- no touch is made from the referrer.
    met_by_click AS
    (
        SELECT i.app_id AS app_id, i.install_id AS install_id
        FROM clean.touches AS t
        INNER JOIN (SELECT * FROM installs WHERE referrer_media_source != '' AND click_id != '') AS i
            ON t.app_id = i.app_id AND t.click_id = i.click_id
        WHERE t.touch_type = 'click'
          AND t.touch_at >= reach_start
          AND t.touch_at <= reach_end
          AND t.received_at >= reach_start
          AND dateDiff('millisecond', t.touch_at, i.installed_at)
              BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
    ),
    made AS
    (
        SELECT
            app_id,
            install_id,
            installed_at,
            lower(left(hex(SHA256(concat(app_id, '\0referrer\0', source_message_id))), 32)) AS touch_id,
            'click' AS touch_type,
            referrer_media_source AS media_source,
            referrer_campaign AS campaign,
            '' AS campaign_id,
            '' AS adset,
            '' AS ad,
            '' AS site_id,
            coalesce(referrer_click_at, installed_at) AS touch_at,
            is_referrer_time_assumed AS is_time_assumed,
            dateDiff('millisecond', touch_at, installed_at) AS age_ms,
            ['install_referrer'] AS matched_on,
            referrer_place AS place
        FROM installs
        WHERE referrer_media_source != ''
          AND window_of('click', referrer_place) >= 0
          AND age_ms BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
          AND (app_id, install_id) NOT IN (SELECT app_id, install_id FROM met_by_click)
    ),
    considered AS
    (
        SELECT
            app_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
            campaign_id, adset, ad, site_id, touch_at, is_time_assumed, age_ms, matched_on, place
        FROM landed
        UNION ALL
        SELECT
            app_id, install_id, installed_at, touch_id, touch_type, media_source, campaign,
            campaign_id, adset, ad, site_id, touch_at, is_time_assumed, age_ms, matched_on, place
        FROM made
    ),
    judged AS
    (
        SELECT
            *,
            window_of(touch_type, place) AS window_ms,
            tier_of(touch_type, place) AS tier,
            age_ms >= 0 AND age_ms <= window_ms AS is_in_window
        FROM considered
    ),
    ranked AS
    (
        SELECT
            *,
            row_number() OVER best_first AS position,
            first_value(tier) OVER best_first AS best_tier,
            first_value(touch_at) OVER best_first AS best_touch_at,
            first_value(place) OVER best_first AS best_place
        FROM judged
        WINDOW best_first AS
        (
            PARTITION BY app_id, install_id
            ORDER BY is_in_window DESC, tier, touch_at DESC, place, touch_id
        )
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    app_id,
    install_id,
    installed_at,
    touch_id,
    touch_type,
    media_source,
    campaign,
    campaign_id,
    adset,
    ad,
    site_id,
    touch_at,
    is_time_assumed,
    age_ms,
    {method_order:Array(String)}[place] AS match_type,
    matched_on,
    window_ms,
    is_in_window,
    CAST([], 'Array(Tuple(rule LowCardinality(String), mode LowCardinality(String), value Float64, threshold Float64))')
        AS fraud_verdicts,
    tier,
    if(is_in_window, position, 0) AS rank,
    multiIf(rank = 1, 'won', rank > 1, 'lost', 'refused') AS verdict,
    multiIf(
        rank = 1, '',
        age_ms < 0, 'after_install',
        NOT is_in_window, 'outside_window',
        tier > best_tier, 'lower_tier',
        touch_at < best_touch_at, 'earlier_touch',
        place > best_place, 'weaker_match',
        'touch_id_order'
    ) AS reason
FROM ranked

-- Every touch that is considered for the installs or openings of {day} in staging.{subjects}, by its
-- best method, in the order of the columns of the scratch table `matched`; nothing is judged yet, and
-- what is known of a subject is added later (mart/considered_touches). Touch and install never meet
-- without the app. What is judged together, one install, is in one of {buckets} buckets.
--
-- Windows and tiers are arrays in the order of {method_order}: -2 where the ruleset has no such
-- rule, -1 where it is off. {windows} is a table with the arrays of media sources and campaigns that
-- have windows of their own. {user_id_length} is 0 where no rule looks at user ids. Both edges of
-- a window are in; a touch after the install is refused.
--
-- {carried_ids}, {has_late_touches} and {has_own_windows} say what there is at all: kinds of ids that
-- no touch in reach carries are neither hashed nor compared, and what cannot be is not looked for.
WITH
    toUnixTimestamp64Milli(toDateTime64({day:Date}, 3, 'UTC')) AS day_ms,
    fromUnixTimestamp64Milli(day_ms - {reach_before_ms:Int64}, 'UTC') AS reach_start,
    fromUnixTimestamp64Milli(day_ms + 86399999 + {reach_after_ms:Int64}, 'UTC') AS reach_end,
    indexOf({method_order:Array(String)}, 'referrer') AS referrer_place,
    indexOf({method_order:Array(String)}, 'click_id') AS click_id_place,
    indexOf({method_order:Array(String)}, 'device_id') AS device_id_place,
    indexOf({method_order:Array(String)}, 'user_id') AS user_id_place,
    indexOf({method_order:Array(String)}, 'probabilistic') AS probabilistic_place,
    -- Sums instead of conditions: a rule that is absent for both kinds would make a constant of
    -- the condition, and the planner then trips over a column that is constant in one branch only.
    (kind, n) -> {click_windows:Array(Int64)}[n] * (kind = 'click')
        + {impression_windows:Array(Int64)}[n] * (kind != 'click') AS window_of,
    -- Asked key by key: a join with a table that is empty nearly always would write out three names
    -- of each pair first.
    (name, app, source, campaign) -> if(
        {has_own_windows:Bool}, joinGet({windows:String}, name, app, source, campaign), []
    ) AS own_windows_of,
    (own, kind, n) -> if({has_own_windows:Bool}, if(empty(own), window_of(kind, n), own[n]),
                         window_of(kind, n)) AS own_window_of,
    -- Blank and all-zero ids match nothing: the clean layer removes them, this is the second lock.
    id -> if(trimBoth(id, '0-') = '', '', id) AS real,
    -- One number for app, kind of id and id, the kind in its last three bits; 0 for no id. It only
    -- brings pairs together: what they have in common is read from the ids themselves.
    (tag, app, id) -> if(id = '', 0, bitOr(bitAnd(cityHash64(app, id), 18446744073709551608), tag))
        AS key_of,
    -- A key that no touch can have is 0 as well.
    (kind, tag, app, id) -> if(has({carried_ids:Array(String)}, kind), key_of(tag, app, id), 0)
        AS carried_key_of,
    (kind, is_shared) -> if(has({carried_ids:Array(String)}, kind), is_shared, false) AS if_carried,
    agent -> multiIf(
        match(agent, 'iPhone|iPad|iPod|CFNetwork'), 'ios', position(agent, 'Android') > 0, 'android', ''
    ) AS system_of,
    -- Browsers that hide their version say Android 10 on a model K: that is no version.
    agent -> if(
        position(agent, 'Android 10; K)') > 0, '',
        extract(agent, '(?:Android |iPhone OS |CPU OS )([0-9]+)')
    ) AS system_version_of,
    install_keys AS
    (
        SELECT *, key
        FROM staging.{subjects:Identifier}
        ARRAY JOIN arrayDistinct(arrayFilter(k -> k != 0, [
            carried_key_of('click_id', 1, app_id, click_id),
            carried_key_of('idfa', 2, app_id, idfa),
            carried_key_of('idfv', 3, app_id, idfv),
            carried_key_of('idfv', 3, app_id, device_id),
            carried_key_of('gaid', 4, app_id, gaid),
            carried_key_of('android_id', 5, app_id, android_id),
            carried_key_of('android_id', 5, app_id, device_id),
            carried_key_of('user_id', 6, app_id, user_id),
            key_of(7, app_id, ip_hash)
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
            touch_at, is_retargeting, ip_prefix,
            -- What some fraud rules want to know of the touch; not read where none asks.
            if({asks_country:Bool}, upper(touches.params['country']), '') AS country,
            if({asks_unusable_ids:Bool} AND notEmpty(touches.time_flags),
               length(arrayIntersect(touches.time_flags, [
                   'idfa.unusable', 'idfv.unusable', 'gaid.unusable', 'android_id.unusable'])),
               0) AS unusable_ids,
            -- Ids of installs are real or empty, so an unreal one of a touch equals none of them.
            click_id, idfa, idfv, gaid, android_id,
            if({user_id_length:UInt32} = 0, '', left(real(touches.user_id), {user_id_length:UInt32}))
                AS user_id,
            if({is_probabilistic:Bool} AND ({uses_touches_with_device_id:Bool}
                   OR real(idfa) = '' AND real(idfv) = '' AND real(gaid) = ''
                      AND real(android_id) = ''),
               touches.ip_hash, '') AS ip_hash,
            if({is_probabilistic:Bool}, system_of(user_agent), '') AS system,
            if({is_probabilistic:Bool}, system_version_of(user_agent), '') AS system_version,
            key
        FROM clean.touches AS touches
        ARRAY JOIN arrayFilter(k -> k != 0, [
            carried_key_of('click_id', 1, app_id, click_id),
            carried_key_of('idfa', 2, app_id, idfa),
            carried_key_of('idfv', 3, app_id, idfv),
            carried_key_of('gaid', 4, app_id, gaid),
            carried_key_of('android_id', 5, app_id, android_id),
            carried_key_of('user_id', 6, app_id, user_id),
            key_of(7, app_id, if(system = '', '', ip_hash))
        ]) AS key
        WHERE touch_at >= reach_start
          AND touch_at <= reach_end
          AND received_at >= reach_start -- nothing is received before it happened
          AND if({has_late_touches:Bool},
                 received_at <= touch_at + INTERVAL 1 DAY
                     OR (app_id, touch_id, received_at, topic_id, partition, offset, frame_index,
                         item_index) NOT IN (SELECT * FROM second_copies),
                 true)
    ),
    matches AS
    (
        SELECT
            i.subject AS subject,
            i.app_id AS app_id,
            t.touch_id AS touch_id,
            t.touch_type AS touch_type,
            t.media_source AS media_source,
            t.campaign AS campaign,
            t.campaign_id AS campaign_id,
            t.adset AS adset,
            t.ad AS ad,
            t.site_id AS site_id,
            t.touch_at AS touch_at,
            t.is_retargeting AS is_retargeting,
            false AS is_time_assumed,
            t.country != '' AND i.country != '' AND t.country != i.country AS is_other_country,
            t.unusable_ids AS unusable_ids,
            t.ip_prefix AS touch_ip_prefix,
            dateDiff('millisecond', t.touch_at, i.installed_at) AS age_ms,
            t.click_id != '' AND t.click_id = i.click_id AS by_click_id,
            if_carried('idfa', t.idfa != '' AND t.idfa = i.idfa) AS by_idfa,
            if_carried('idfv', t.idfv != '' AND (t.idfv = i.idfv OR t.idfv = i.device_id)) AS by_idfv,
            if_carried('gaid', t.gaid != '' AND t.gaid = i.gaid) AS by_gaid,
            if_carried(
                'android_id',
                t.android_id != '' AND (t.android_id = i.android_id OR t.android_id = i.device_id)
            ) AS by_android_id,
            if_carried('user_id', t.user_id != '' AND t.user_id = i.user_id) AS by_user_id,
            if({is_probabilistic:Bool},
               t.ip_hash != '' AND t.ip_hash = i.ip_hash AND t.system = i.platform
                   AND (t.system_version = i.system_version OR t.system_version = ''
                        OR i.system_version = ''),
               false) AS by_likeness,
            by_likeness AND t.system_version != '' AND i.system_version != '' AS by_system_version,
            bitAnd(t.key, 7) AS tag
        FROM touch_keys AS t
        INNER JOIN install_keys AS i ON t.key = i.key
        WHERE t.app_id = i.app_id
          AND age_ms BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
          -- Of all keys that a touch and an install share, the first stands for the pair.
          AND tag = multiIf(
              by_click_id, 1, by_idfa, 2, by_idfv, 3, by_gaid, 4, by_android_id, 5, by_user_id, 6,
              by_likeness, 7, 0
          )
    ),
    placed AS
    (
        SELECT
            matches.* EXCEPT (tag, own),
            -- Places in {method_order}; 255 where the pair does not match that way.
            if(by_click_id, click_id_place, 255) AS click_id_at,
            if(by_idfa OR by_idfv OR by_gaid OR by_android_id, device_id_place, 255) AS device_id_at,
            if(by_user_id, user_id_place, 255) AS user_id_at,
            if(by_likeness, probabilistic_place, 255) AS likeness_at,
            own_window_of(own, touch_type, click_id_place) AS click_id_window,
            own_window_of(own, touch_type, device_id_place) AS device_id_window,
            own_window_of(own, touch_type, user_id_place) AS user_id_window,
            own_window_of(own, touch_type, probabilistic_place) AS likeness_window
        FROM
        (
            SELECT
                *,
                if(touch_type = 'click',
                   own_windows_of('own_clicks', app_id, media_source, campaign),
                   own_windows_of('own_impressions', app_id, media_source, campaign)) AS own
            FROM matches
        ) AS matches
    ),
    -- One level for each step: an alias that others build on is written out where they use it, and
    -- reading such a plan took longer than running it on a small day.
    placed_in_window AS
    (
        SELECT
            *,
            least(
                if(age_ms >= 0 AND age_ms <= click_id_window, click_id_at, 255),
                if(age_ms >= 0 AND age_ms <= device_id_window, device_id_at, 255),
                if(age_ms >= 0 AND age_ms <= user_id_window, user_id_at, 255)
            ) AS known_in_window,
            -- Likeness counts inside its window only; an equal address last month says nothing.
            if(age_ms >= 0 AND age_ms <= likeness_window, likeness_at, 255) AS likeness_in_window
        FROM placed
    ),
    landed AS
    (
        SELECT
            *,
            -- A bit per field that both share, in the order in which candidates name them.
            by_click_id + 2 * by_idfa + 4 * by_idfv + 8 * by_gaid + 16 * by_android_id
                + 32 * by_user_id + (64 + 128) * by_likeness + 256 * by_system_version AS matched_by,
            least(known_in_window, likeness_in_window) AS first_in_window,
            least(
                if(click_id_window > -2, click_id_at, 255),
                if(device_id_window > -2, device_id_at, 255),
                if(user_id_window > -2, user_id_at, 255),
                likeness_in_window
            ) AS first_of_all,
            if(first_in_window < 255, first_in_window, first_of_all) AS place
        FROM placed_in_window
    ),
    -- Installs whose click id meets a landed click: the click itself is the evidence then, and
    -- no touch is made from the referrer.
    met_by_click AS
    (
        SELECT i.subject AS subject
        FROM clean.touches AS t
        INNER JOIN
        (
            SELECT *
            FROM staging.{subjects:Identifier}
            WHERE referrer_media_source != '' AND click_id != ''
        ) AS i
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
            i.*,
            own_window_of(
                own_windows_of('own_clicks', app_id, referrer_media_source, referrer_campaign),
                'click', referrer_place
            ) AS window_ms,
            coalesce(referrer_click_at, installed_at) AS touch_at,
            dateDiff('millisecond', touch_at, installed_at) AS age_ms
        FROM (SELECT * FROM staging.{subjects:Identifier} WHERE referrer_media_source != '') AS i
        WHERE window_ms > -2
          AND age_ms BETWEEN -{reach_after_ms:Int64} AND {reach_before_ms:Int64}
          AND subject NOT IN (SELECT subject FROM met_by_click)
    )
SELECT rowNumberInAllBlocks() AS number, *, cityHash64(subject) % {buckets:UInt32} AS bucket
FROM
(
    SELECT
        subject, touch_id, touch_type, media_source, campaign, campaign_id, adset, ad, site_id,
        touch_at, is_retargeting, is_time_assumed, age_ms, matched_by, place,
        multiIf(place = click_id_place, click_id_window, place = device_id_place, device_id_window,
                place = user_id_place, user_id_window, likeness_window) AS window_ms,
        is_other_country, unusable_ids, touch_ip_prefix
    FROM landed
    WHERE place < 255
    UNION ALL
    SELECT
        subject,
        lower(left(hex(SHA256(concat(app_id, '\0referrer\0', source_message_id))), 32)) AS touch_id,
        'click' AS touch_type,
        referrer_media_source AS media_source,
        referrer_campaign AS campaign,
        '' AS campaign_id,
        '' AS adset,
        '' AS ad,
        '' AS site_id,
        touch_at,
        false AS is_retargeting,
        is_referrer_time_assumed AS is_time_assumed,
        age_ms,
        512 AS matched_by,
        referrer_place AS place,
        window_ms,
        false AS is_other_country,
        0 AS unusable_ids,
        '' AS touch_ip_prefix
    FROM made
)

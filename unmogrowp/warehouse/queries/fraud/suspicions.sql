-- What fraud rules say about touches in staging.{considered}, one row per touch about which any says
-- something. {rules} are (rule, threshold, mode, limit, when it fires), in the order
-- in which verdicts are kept; a rule that is not among them reads nothing.
WITH
    arrayMap(used -> used.1, {rules:Array(Tuple(String, String, String, Float64, String))}) AS asked,
    -- The lowest limit in use of a threshold: what does not reach it need not be compared.
    (rule, name) -> arrayMin(arrayMap(
        used -> if(used.1 = rule AND used.2 = name, used.4, inf),
        arrayPushBack({rules:Array(Tuple(String, String, String, Float64, String))}, ('', '', '', inf, ''))
    )) AS lowest,
    -- Most devices do little: one hash per touch finds those few that are worth counting exactly.
    clicks AS
    (
        SELECT
            number,
            count() OVER (PARTITION BY subject, media_source, toStartOfHour(touch_at)) AS same_hour,
            count() OVER (PARTITION BY subject, media_source, toDate(touch_at)) AS same_day
        FROM staging.{considered:Identifier}
        WHERE touch_type = 'click'
          AND NOT is_time_assumed
          AND cityHash64(subject, media_source, toDate(touch_at)) IN
          (
              SELECT cityHash64(subject, media_source, toDate(touch_at)) AS device_day
              FROM staging.{considered:Identifier}
              WHERE has(asked, 'hyper_engagement') AND touch_type = 'click' AND NOT is_time_assumed
              GROUP BY device_day
              HAVING count() > least(lowest('hyper_engagement', 'max_per_hour'),
                                     lowest('hyper_engagement', 'max_per_day'))
          )
    ),
    -- A second anywhere touches two seconds of the clock: whoever has so many touches within one
    -- has half of them in one second of the clock. One hash per touch finds those few devices.
    crowded AS
    (
        SELECT
            number, subject, touch_type,
            toUnixTimestamp64Milli(touch_at) AS touch_ms,
            -- One finger clicks once, so clicks count each; a page may honestly show several ads at
            -- once, so what is shown counts by placement.
            if(touch_type = 'click', touch_id, '') AS click,
            if(touch_type = 'click', ('', '', '', ''), (media_source, site_id, adset, ad)) AS placement
        FROM staging.{considered:Identifier}
        WHERE NOT is_time_assumed
          AND subject IN
          (
              SELECT subject
              FROM staging.{considered:Identifier}
              WHERE has(asked, 'ad_stacking') AND NOT is_time_assumed
              GROUP BY subject, touch_type = 'click', toUnixTimestamp(touch_at)
              HAVING 2 * count() >= lowest('ad_stacking', 'min_placements')
          )
    ),
    -- Of all seconds that a touch lies in, the fullest.
    stacked AS
    (
        SELECT
            number,
            max(from_here) OVER (
                PARTITION BY subject, touch_type ORDER BY touch_ms
                RANGE BETWEEN 999 PRECEDING AND CURRENT ROW
            ) AS most_at_once
        FROM
        (
            SELECT
                number, subject, touch_type, touch_ms,
                uniqExact(click, placement) OVER (
                    PARTITION BY subject, touch_type ORDER BY touch_ms
                    RANGE BETWEEN CURRENT ROW AND 999 FOLLOWING
                ) AS from_here
            FROM crowded
        )
    ),
    networks AS
    (
        SELECT family, first_prefix, last_prefix, max(covered) AS covered
        FROM audit.anonymous_networks
        WHERE has(asked, 'anonymous_ip')
        GROUP BY family, first_prefix, last_prefix
    ),
    -- A prefix as the number that networks are listed by; 0 is no family.
    prefixes AS
    (
        SELECT
            prefix,
            splitByChar('/', prefix)[1] AS address,
            multiIf(isIPv4String(address), 4, isIPv6String(address), 6, 0) AS family,
            if(family = 4, toUInt64(bitShiftRight(IPv4StringToNumOrDefault(address), 8)),
               reinterpretAsUInt64(reverse(substring(IPv6StringToNumOrDefault(address), 1, 6)))) AS number
        FROM
        (
            SELECT DISTINCT arrayJoin([touch_ip_prefix, install_ip_prefix]) AS prefix
            FROM staging.{considered:Identifier}
            WHERE has(asked, 'anonymous_ip')
        )
        WHERE prefix != ''
    ),
    listed AS
    (
        SELECT p.prefix AS prefix, max(n.covered) AS covered
        FROM prefixes AS p
        INNER JOIN networks AS n ON n.family = p.family
        WHERE p.number BETWEEN n.first_prefix AND n.last_prefix
        GROUP BY prefix
    ),
    confirmed AS
    (
        SELECT app_id, media_source, site_id, review.2 AS first_day, review.3 AS last_day,
               review.4 AS decided_at
        FROM
        (
            SELECT app_id, media_source, site_id, rule, ruleset_id,
                   argMax((action, first_day, last_day, decided_at), decision_number) AS review
            FROM audit.fraud_reviews
            WHERE has(asked, 'post_attribution')
            GROUP BY app_id, media_source, site_id, rule, ruleset_id
        )
        WHERE review.1 = 'confirm' AND {day:Date} BETWEEN review.2 AND review.3
    ),
    signals AS
    (
        SELECT number, 'hyper_engagement' AS rule, counted.1 AS threshold,
               toFloat64(counted.2) AS value
        FROM clicks
        ARRAY JOIN [('max_per_hour', same_hour), ('max_per_day', same_day)] AS counted
        UNION ALL
        SELECT number, 'ad_stacking', 'min_placements', toFloat64(most_at_once)
        FROM stacked
        UNION ALL
        SELECT c.number AS number, 'referrer_mismatch', 'min_mismatch', 1.
        FROM staging.{considered:Identifier} AS c
        INNER JOIN
        (
            SELECT app_id, install_id, referrer_media_source, referrer_click_at
            FROM mart.installs
            WHERE has(asked, 'referrer_mismatch')
              AND toDate(installed_at) = {day:Date}
              AND referrer_media_source != ''
              AND referrer_click_at IS NOT NULL
        ) AS i ON i.app_id = c.app_id AND i.install_id = c.conversion_id
        WHERE c.touch_type = 'click'
          AND NOT bitTest(c.matched_by, 0) -- the referrer itself names this click
          AND lower(c.media_source) != lower(i.referrer_media_source)
          AND c.touch_at >= i.referrer_click_at
          AND c.age_ms >= 0
        UNION ALL
        SELECT c.number AS number, 'post_attribution', 'max_days',
               toFloat64(min(dateDiff('day', c.installed_at, p.decided_at)))
        FROM staging.{considered:Identifier} AS c
        INNER JOIN confirmed AS p
            ON p.app_id = c.app_id AND p.media_source = c.media_source AND p.site_id = c.site_id
        GROUP BY c.number
        UNION ALL
        SELECT number, 'anonymous_ip', 'min_covered', max(n.covered)
        FROM
        (
            SELECT number, arrayJoin([touch_ip_prefix, install_ip_prefix]) AS prefix
            FROM staging.{considered:Identifier}
            WHERE has(asked, 'anonymous_ip')
              AND (touch_ip_prefix IN (SELECT prefix FROM listed)
                   OR install_ip_prefix IN (SELECT prefix FROM listed))
        ) AS p
        INNER JOIN listed AS n ON n.prefix = p.prefix
        GROUP BY number
        UNION ALL
        SELECT number, 'geo_mismatch', 'min_mismatch', 1.
        FROM staging.{considered:Identifier}
        WHERE has(asked, 'geo_mismatch') AND is_other_country
        UNION ALL
        SELECT number, 'malformed_id', 'min_ids', toFloat64(unusable_ids)
        FROM staging.{considered:Identifier}
        WHERE has(asked, 'malformed_id') AND unusable_ids > 0
    )
SELECT
    number,
    arrayMap(
        fired -> (fired.2, fired.3, fired.4, fired.5),
        arraySort(groupArray((place, used.1, used.3, value, used.4)))
    ) AS fraud_verdicts
FROM signals
ARRAY JOIN
    {rules:Array(Tuple(String, String, String, Float64, String))} AS used,
    arrayEnumerate({rules:Array(Tuple(String, String, String, Float64, String))}) AS place
WHERE used.1 = signals.rule
  AND used.2 = signals.threshold
  AND multiIf(
      used.5 = 'above', value > used.4,
      used.5 = 'at_least', value >= used.4,
      used.5 = 'below', value < used.4,
      used.5 = 'at_most', value <= used.4,
      false
  )
GROUP BY number

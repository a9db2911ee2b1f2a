-- Rows of mart.attribution_candidates, in the order of its columns, from the touches considered for
-- some installs or openings (staging.{considered}) and what fraud rules say about a few of them
-- (staging.{suspicions}). Both edges of a window are in; a touch after the install is refused.
WITH
    indexOf({method_order:Array(String)}, 'referrer') AS referrer_place,
    -- Sums instead of conditions: a tier that is equal for both kinds would make a constant of it.
    (kind, n) -> {click_tiers:Array(UInt8)}[n] * (kind = 'click')
        + {impression_tiers:Array(UInt8)}[n] * (kind != 'click') AS tier_of,
    -- Names of the bits of matched_by.
    CAST(
        ['click_id', 'idfa', 'idfv', 'gaid', 'android_id', 'user_id', 'ip_hash', 'os', 'os_version',
         'install_referrer'],
        'Array(LowCardinality(String))'
    ) AS field_names,
    judged AS
    (
        SELECT
            considered.number AS number,
            considered.* EXCEPT (number),
            tier_of(touch_type, place) AS tier,
            age_ms >= 0 AND age_ms <= window_ms AS is_in_window,
            eligible_touches = 'any' OR eligible_touches = 'retargeting' AND is_retargeting
                AS is_of_eligible_kind,
            -- Rules that need nothing but the pair; only clicks with a clock of their own.
            touch_type = 'click' AND NOT is_time_assumed AND age_ms >= 0 AS has_ctit,
            dateDiff('millisecond', install_begin_at, touch_at) AS after_begin_ms,
            CAST(
                arrayFilter(
                    one -> if(one.1 = 'click_injection.ctit_short', one.3 < one.4, one.3 >= one.4),
                    arrayConcat(
                        arrayMap(
                            (mode, threshold) -> (
                                'click_injection.ctit_short', mode, toFloat64(age_ms), threshold
                            ),
                            {ctit_modes:Array(String)}, {ctit_thresholds:Array(Float64)}
                        ),
                        -- The store's clock has whole seconds: a landed click counts from the next
                        -- one on.
                        arrayMap(
                            (mode, threshold) -> (
                                'click_injection.after_begin', mode,
                                toFloat64(ifNull(after_begin_ms, -1)),
                                threshold + if(place = referrer_place, 0, 1000)
                            ),
                            {after_begin_modes:Array(String)},
                            {after_begin_thresholds:Array(Float64)}
                        )
                    )
                ),
                'Array(Tuple(rule LowCardinality(String), mode LowCardinality(String), value Float64, threshold Float64))'
            ) AS verdicts_if_any,
            -- Hardly any pair comes near a limit: one comparison spares the others the arrays.
            if(has_ctit AND (age_ms < arrayMax({ctit_thresholds:Array(Float64)})
                             OR ifNull(after_begin_ms, -1) >= arrayMin({after_begin_thresholds:Array(Float64)})),
               verdicts_if_any, []) AS verdicts_of_pair,
            arrayConcat(verdicts_of_pair, suspected.fraud_verdicts) AS fraud_verdicts,
            arrayFirst(one -> one.mode = 'block', fraud_verdicts).rule AS blocking_rule,
            is_in_window AND is_of_eligible_kind AND blocking_rule = '' AS is_eligible
        FROM staging.{considered:Identifier} AS considered
        ANY LEFT JOIN staging.{suspicions:Identifier} AS suspected
            ON suspected.number = considered.number
    ),
    -- Only what can win is ranked, and only the columns that rank it are sorted: to carry the names
    -- of campaigns through a sort costs more than to find the rows again.
    ranked AS
    (
        SELECT
            number,
            row_number() OVER best_first AS rank,
            first_value(tier) OVER best_first AS best_tier,
            first_value(touch_at) OVER best_first AS best_touch_at,
            first_value(place) OVER best_first AS best_place
        FROM judged
        WHERE is_eligible
        WINDOW best_first AS
        (
            PARTITION BY subject
            ORDER BY tier, touch_at DESC, place, touch_id
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
    arrayMap(bit -> field_names[bit + 1], bitPositionsToArray(matched_by)) AS matched_on,
    window_ms,
    is_in_window,
    fraud_verdicts,
    tier,
    rank,
    multiIf(rank = 1, 'won', rank > 1, 'lost', 'refused') AS verdict,
    multiIf(
        rank = 1, '',
        age_ms < 0, 'after_install',
        window_ms < 0, 'method_off',
        NOT is_in_window, 'outside_window',
        NOT is_of_eligible_kind,
            multiIf(eligible_touches = 'retargeting', 'not_retargeting',
                    eligible_touches = 'none', 'reinstall', eligible_touches),
        NOT is_eligible, concat('fraud_blocked:', blocking_rule),
        tier > best_tier, 'lower_tier',
        touch_at < best_touch_at, 'earlier_touch',
        place > best_place, 'weaker_match',
        'touch_id_order'
    ) AS reason,
    is_retargeting,
    conversion_id
FROM judged
-- Copies of a touch that the clean layer let through stay as many as they are, each with its own
-- place: the contract counts them and stops the publish.
ANY LEFT JOIN ranked USING (number)

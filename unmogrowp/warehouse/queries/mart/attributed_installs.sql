-- Rows of mart.attributed_installs for the installs or openings in staging.{subjects}, in the order
-- of its columns, from their candidates in staging.{candidates}. An opening that no touch won is no
-- conversion: organic openings are what everybody does every day.
WITH
    considered AS
    (
        SELECT
            sipHash128(app_id, conversion_id) AS subject,
            count() AS candidate_count,
            countIf(rank > 0) AS eligible_count,
            arrayMap(
                assist -> (assist.2, assist.3, assist.4, assist.5),
                arraySort(groupArrayIf((rank, touch_id, media_source, touch_type, touch_at), rank > 1 AND rank <= 21))
            ) AS assists,
            -- The best refused one, by the order of the eligible: tier, latest first, method, touch_id,
            -- as text that sorts alike.
            argMinIf(
                concat(reason, '\0', touch_id),
                concat(
                    char(tier),
                    reverse(reinterpretAsFixedString(
                        toUInt64(4611686018427387904 - toUnixTimestamp64Milli(touch_at))
                    )),
                    char(indexOf({method_order:Array(String)}, match_type)),
                    touch_id
                ),
                rank = 0
            ) AS best_refused,
            splitByChar('\0', best_refused) AS refused,
            groupUniqArrayIf(reason, rank = 0) AS refusal_reasons,
            sum(cityHash64(tuple(
                touch_id, touch_type, media_source, touch_at, match_type, window_ms, rank, verdict, reason,
                fraud_verdicts
            ))) AS digest
        FROM staging.{candidates:Identifier}
        GROUP BY subject
    ),
    -- Joined, not aggregated: the states of all these columns for every subject leave the caches.
    won AS
    (
        SELECT
            sipHash128(app_id, conversion_id) AS subject,
            touch_id, media_source, campaign, campaign_id, adset, ad, site_id, touch_type, touch_at,
            match_type, is_time_assumed, age_ms, window_ms, matched_on, tier, is_retargeting,
            fraud_verdicts
        FROM staging.{candidates:Identifier}
        WHERE rank = 1
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    i.app_id,
    i.conversion_id,
    i.install_id,
    i.device_key,
    i.installed_at,
    if(i.kind = 'reinstall' AND w.is_retargeting, 're_attribution', i.kind) AS conversion_kind,
    c.eligible_count = 0 AS is_organic,
    multiIf(NOT is_organic, '', c.candidate_count = 0, 'no_touch', c.refused[1]) AS organic_reason,
    if(is_organic, 'organic', w.media_source) AS media_source,
    w.campaign AS campaign,
    w.campaign_id AS campaign_id,
    w.adset AS adset,
    w.ad AS ad,
    w.site_id AS site_id,
    w.touch_id AS touch_id,
    w.touch_type AS touch_type,
    if(is_organic, NULL, w.touch_at) AS touch_at,
    w.match_type AS match_type,
    if(is_organic OR w.is_time_assumed, NULL, w.age_ms) AS ctit_ms,
    if(is_organic, NULL, w.window_ms) AS window_ms,
    c.candidate_count,
    c.eligible_count,
    c.assists,
    i.platform,
    i.country,
    lower(left(hex(SHA256(concat(
        {config_hash:String}, '\0', i.app_id, '\0', i.conversion_id, '\0', conversion_kind, '\0',
        toString(toUnixTimestamp64Milli(i.installed_at)), '\0', toString(c.candidate_count), '\0',
        toString(c.digest)
    ))), 32)) AS decision_id,
    {config_hash:String} AS config_hash,
    {counts_by_default:Bool} != has({other_apps:Array(String)}, i.app_id) AS is_primary,
    concat(
        '{', i.evidence,
        if(is_organic, '', concat(
            ',"matched_on":', toJSONString(w.matched_on),
            ',"tier":', toString(w.tier),
            ',"is_time_assumed":', if(w.is_time_assumed, 'true', 'false'),
            if(empty(w.fraud_verdicts), '', concat(',"fraud_flags":', toJSONString(w.fraud_verdicts)))
        )),
        if(c.candidate_count = c.eligible_count, '', concat(
            ',"best_refused":', toJSONString(c.refused[2]),
            ',"refusal_reasons":', toJSONString(arraySort(c.refusal_reasons))
        )),
        '}'
    ) AS evidence
FROM staging.{subjects:Identifier} AS i
ANY LEFT JOIN considered AS c ON i.subject = c.subject
ANY LEFT JOIN won AS w ON i.subject = w.subject
WHERE i.is_decided AND (i.kind != 're_engagement' OR c.eligible_count > 0)

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
            -- Column by column: a tuple of all would be copied value by value, and so in `refused`.
            anyIf(touch_id, rank = 1) AS won_touch_id,
            anyIf(media_source, rank = 1) AS won_media_source,
            anyIf(campaign, rank = 1) AS won_campaign,
            anyIf(campaign_id, rank = 1) AS won_campaign_id,
            anyIf(adset, rank = 1) AS won_adset,
            anyIf(ad, rank = 1) AS won_ad,
            anyIf(site_id, rank = 1) AS won_site_id,
            anyIf(touch_type, rank = 1) AS won_touch_type,
            anyIf(touch_at, rank = 1) AS won_touch_at,
            anyIf(match_type, rank = 1) AS won_match_type,
            anyIf(is_time_assumed, rank = 1) AS won_is_time_assumed,
            anyIf(age_ms, rank = 1) AS won_age_ms,
            anyIf(window_ms, rank = 1) AS won_window_ms,
            anyIf(matched_on, rank = 1) AS won_matched_on,
            anyIf(tier, rank = 1) AS won_tier,
            anyIf(is_retargeting, rank = 1) AS won_is_retargeting,
            anyIf(fraud_verdicts, rank = 1) AS won_fraud_verdicts,
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
        WHERE subject IN (SELECT subject FROM staging.{subjects:Identifier})
        GROUP BY subject
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    i.app_id,
    i.conversion_id,
    i.install_id,
    i.device_key,
    i.installed_at,
    if(i.kind = 'reinstall' AND c.won_is_retargeting, 're_attribution', i.kind) AS conversion_kind,
    c.eligible_count = 0 AS is_organic,
    multiIf(NOT is_organic, '', c.candidate_count = 0, 'no_touch', c.refused[1]) AS organic_reason,
    if(is_organic, 'organic', c.won_media_source) AS media_source,
    c.won_campaign AS campaign,
    c.won_campaign_id AS campaign_id,
    c.won_adset AS adset,
    c.won_ad AS ad,
    c.won_site_id AS site_id,
    c.won_touch_id AS touch_id,
    c.won_touch_type AS touch_type,
    if(is_organic, NULL, c.won_touch_at) AS touch_at,
    c.won_match_type AS match_type,
    if(is_organic OR c.won_is_time_assumed, NULL, c.won_age_ms) AS ctit_ms,
    if(is_organic, NULL, c.won_window_ms) AS window_ms,
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
            ',"matched_on":', toJSONString(c.won_matched_on),
            ',"tier":', toString(c.won_tier),
            ',"is_time_assumed":', if(c.won_is_time_assumed, 'true', 'false'),
            if(empty(c.won_fraud_verdicts), '', concat(',"fraud_flags":', toJSONString(c.won_fraud_verdicts)))
        )),
        if(c.candidate_count = c.eligible_count, '', concat(
            ',"best_refused":', toJSONString(c.refused[2]),
            ',"refusal_reasons":', toJSONString(arraySort(c.refusal_reasons))
        )),
        '}'
    ) AS evidence
FROM staging.{subjects:Identifier} AS i
ANY LEFT JOIN considered AS c ON i.subject = c.subject
WHERE i.is_decided AND (i.kind != 're_engagement' OR c.eligible_count > 0)

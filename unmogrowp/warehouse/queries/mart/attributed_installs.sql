-- Rows of mart.attributed_installs for the installs or openings in staging.{subjects}, in the order
-- of its columns, from their candidates in staging.{candidates}. An opening that no touch won is no
-- conversion: organic openings are what everybody does every day.
WITH
    considered AS
    (
        SELECT
            app_id,
            conversion_id,
            count() AS candidate_count,
            countIf(rank > 0) AS eligible_count,
            anyIf(
                (touch_id, media_source, campaign, campaign_id, adset, ad, site_id, touch_type,
                 touch_at, match_type, is_time_assumed, age_ms, window_ms, matched_on, tier,
                 is_retargeting, fraud_verdicts),
                rank = 1
            ) AS won,
            arrayMap(
                assist -> (assist.2, assist.3, assist.4, assist.5),
                arraySort(groupArrayIf((rank, touch_id, media_source, touch_type, touch_at), rank > 1 AND rank <= 21))
            ) AS assists,
            -- The best refused one, by the order of the eligible.
            argMinIf(
                (reason, touch_id),
                (tier, -toUnixTimestamp64Milli(touch_at),
                 indexOf({method_order:Array(String)}, match_type), touch_id),
                rank = 0
            ) AS refused,
            groupUniqArrayIf(reason, rank = 0) AS refusal_reasons,
            sum(cityHash64(tuple(
                touch_id, touch_type, media_source, touch_at, match_type, window_ms, rank, verdict, reason,
                fraud_verdicts
            ))) AS digest
        FROM staging.{candidates:Identifier}
        WHERE conversion_id IN (SELECT conversion_id FROM staging.{subjects:Identifier})
        GROUP BY app_id, conversion_id
    )
SELECT
    {ruleset_id:String} AS ruleset_id,
    i.app_id,
    i.conversion_id,
    i.install_id,
    i.device_key,
    i.installed_at,
    if(i.kind = 'reinstall' AND c.won.16, 're_attribution', i.kind) AS conversion_kind,
    c.eligible_count = 0 AS is_organic,
    multiIf(NOT is_organic, '', c.candidate_count = 0, 'no_touch', c.refused.1) AS organic_reason,
    if(is_organic, 'organic', c.won.2) AS media_source,
    c.won.3 AS campaign,
    c.won.4 AS campaign_id,
    c.won.5 AS adset,
    c.won.6 AS ad,
    c.won.7 AS site_id,
    c.won.1 AS touch_id,
    c.won.8 AS touch_type,
    if(is_organic, NULL, c.won.9) AS touch_at,
    c.won.10 AS match_type,
    if(is_organic OR c.won.11, NULL, c.won.12) AS ctit_ms,
    if(is_organic, NULL, c.won.13) AS window_ms,
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
            ',"matched_on":', toJSONString(c.won.14),
            ',"tier":', toString(c.won.15),
            ',"is_time_assumed":', if(c.won.11, 'true', 'false'),
            if(empty(c.won.17), '', concat(',"fraud_flags":', toJSONString(c.won.17)))
        )),
        if(c.candidate_count = c.eligible_count, '', concat(
            ',"best_refused":', toJSONString(c.refused.2),
            ',"refusal_reasons":', toJSONString(arraySort(c.refusal_reasons))
        )),
        '}'
    ) AS evidence
FROM staging.{subjects:Identifier} AS i
LEFT JOIN considered AS c ON i.app_id = c.app_id AND i.conversion_id = c.conversion_id
WHERE i.is_decided AND (i.kind != 're_engagement' OR c.eligible_count > 0)

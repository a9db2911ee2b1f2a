-- What a trial moves over some days, summed over apps and days, the largest move first.
SELECT
    from_media_source, to_media_source, from_kind, to_kind, reason, currency,
    sum(conversions) AS moved, sum(revenue), sum(cost), sum(trial_cost),
    groupUniqArray(toString(base_ruleset_id)) AS bases
FROM mart.attribution_diff
WHERE {base:String} IN ('', base_ruleset_id) AND trial_ruleset_id = {trial:String}
  AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY from_media_source, to_media_source, from_kind, to_kind, reason, currency
ORDER BY reason = 'unchanged', moved DESC, from_media_source, to_media_source, from_kind, to_kind,
         reason, currency

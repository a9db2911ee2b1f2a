-- Contract of staged candidates: one row per sentence with the rows that break it. Two conversions
-- that share a number would be a false alarm, of a million installs once in ten million builds.
SELECT
    ['touches_are_considered_once_per_install', 'one_candidate_wins_where_any_is_eligible',
     'eligible_touches_are_in_their_window', 'what_a_fraud_rule_blocks_is_refused',
     'refusals_have_a_reason', 'installs_are_of_their_day',
     're_engagements_are_won_by_retargeting_touches']
        AS sentences,
    [
        sum(considered - touches),
        countIf(winners != (eligible > 0) OR highest_rank != eligible),
        sum(eligible_outside),
        sum(eligible_blocked),
        sum(refused_without_reason),
        sum(of_other_days),
        countIf(is_opening AND retargeting_winners != 1)
    ] AS broken
FROM
(
    SELECT
        max(conversion_id != install_id) AS is_opening,
        countIf(verdict = 'won' AND is_retargeting) AS retargeting_winners,
        count() AS considered,
        uniqExact(cityHash64(touch_id)) AS touches,
        countIf(verdict = 'won') AS winners,
        countIf(rank > 0) AS eligible,
        max(rank) AS highest_rank,
        countIf(rank > 0 AND (age_ms < 0 OR age_ms > window_ms OR NOT is_in_window))
            AS eligible_outside,
        countIf(rank > 0 AND arrayExists(one -> one.mode = 'block', fraud_verdicts))
            AS eligible_blocked,
        countIf(verdict = 'refused' AND reason = '' OR (verdict = 'refused') != (rank = 0))
            AS refused_without_reason,
        countIf(toDate(installed_at) != {day:Date} OR ruleset_id != {ruleset_id:String})
            AS of_other_days
    FROM staging.{staging:Identifier}
    GROUP BY cityHash64(app_id, conversion_id)
)

-- The latest audit, one row per identity. Installs and revenue are compared for each ruleset and for
-- what counts ({primary}): sums are of what counts, differences of all.
WITH NOT has(['installs', 'revenue'], identity) OR startsWith(scope, {primary:String}) AS is_summed
SELECT
    identity,
    count() AS comparisons,
    sumIf(left_count, is_summed),
    sumIf(right_count, is_summed),
    sum(abs(difference))
FROM audit.reconciliation
WHERE audit_id = (SELECT argMax(audit_id, (audited_at, audit_id)) FROM audit.reconciliation)
GROUP BY identity
ORDER BY identity

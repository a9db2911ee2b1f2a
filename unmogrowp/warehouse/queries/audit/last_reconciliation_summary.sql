-- The latest audit, one row per identity. Sums are of what Comparison.is_summed says: installs and
-- revenue are compared for each ruleset besides, requests by their items. Differences are of all.
WITH if(has(['installs', 'revenue'], identity), startsWith(scope, {primary:String}),
        NOT endsWith(scope, ' items')) AS is_summed
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

-- One audit, one row per identity and scope.
SELECT
    identity,
    scope,
    count()                        AS comparisons,
    toInt64(sum(left_count))       AS left_total,
    toInt64(sum(right_count))      AS right_total,
    toInt64(sum(abs(difference)))  AS differences
FROM audit.reconciliation
WHERE audit_id = {audit_id:String}
GROUP BY identity, scope
ORDER BY identity, scope

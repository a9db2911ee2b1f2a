-- The latest audit, one row per identity.
SELECT identity, count() AS comparisons, sum(left_count), sum(right_count), sum(abs(difference))
FROM audit.reconciliation
WHERE audit_id = (SELECT argMax(audit_id, (audited_at, audit_id)) FROM audit.reconciliation)
GROUP BY identity
ORDER BY identity

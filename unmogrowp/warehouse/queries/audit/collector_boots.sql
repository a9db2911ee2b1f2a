-- Every life of every collector slot, oldest first: from its start to its last report.
SELECT
    collector_id,
    boot_id,
    toUnixTimestamp64Milli(min(started_at)) AS started_ms,
    toUnixTimestamp64Milli(max(reported_at)) AS reported_ms,
    max(is_final) AS is_final
FROM audit.collector_reports
WHERE reported_at >= fromUnixTimestamp64Milli({received_from_ms:Int64}, 'UTC') - INTERVAL 2 DAY
GROUP BY collector_id, boot_id
ORDER BY collector_id, started_ms, boot_id

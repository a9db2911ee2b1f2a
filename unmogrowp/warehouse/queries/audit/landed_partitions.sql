-- What a pass of landing added, per table and day of receipt. Only days of the ranges are read.
WITH
    touched AS
    (
        SELECT DISTINCT received_on
        FROM audit.landing_ranges
        WHERE state = 'landed' AND landing_seq IN {landing_seqs:Array(UInt64)}
    )
SELECT table_name, day, row_count, first_received_at, last_received_at
FROM
(
    SELECT 'raw.requests' AS table_name, toDate(received_at) AS day, count() AS row_count,
           min(received_at) AS first_received_at, max(received_at) AS last_received_at
    FROM raw.requests
    WHERE toDate(received_at) IN touched AND landing_seq IN {landing_seqs:Array(UInt64)}
    GROUP BY day
    UNION ALL
    SELECT 'clean.events', toDate(received_at) AS day, count(), min(received_at), max(received_at)
    FROM clean.events
    WHERE toDate(received_at) IN touched AND landing_seq IN {landing_seqs:Array(UInt64)}
    GROUP BY day
    UNION ALL
    SELECT 'clean.touches', toDate(received_at) AS day, count(), min(received_at), max(received_at)
    FROM clean.touches
    WHERE toDate(received_at) IN touched AND landing_seq IN {landing_seqs:Array(UInt64)}
    GROUP BY day
    UNION ALL
    SELECT 'clean.failed', toDate(received_at) AS day, count(), min(received_at), max(received_at)
    FROM clean.failed
    WHERE toDate(received_at) IN touched AND landing_seq IN {landing_seqs:Array(UInt64)}
    GROUP BY day
    UNION ALL
    SELECT 'clean.duplicates', toDate(received_at) AS day, count(), min(received_at), max(received_at)
    FROM clean.duplicates
    WHERE toDate(received_at) IN touched AND landing_seq IN {landing_seqs:Array(UInt64)}
    GROUP BY day
)
ORDER BY table_name, day

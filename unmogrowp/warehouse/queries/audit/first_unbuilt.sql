-- The first instant of receipt among ranges that touched a day of {marts} which was not built
-- since, and how many such days there are. Where no row came with such a range (a day of the clean
-- layer was rebuilt), the beginning of the first of the days stands for it.
WITH
    pending AS
    (
        SELECT t.mart AS mart, t.day AS day, t.watermark AS watermark
        FROM audit.touched_days AS t
        LEFT JOIN
        (
            SELECT mart, day, max(watermark) AS built
            FROM audit.touched_days
            WHERE state = 'built'
            GROUP BY mart, day
        ) AS b ON t.mart = b.mart AND t.day = b.day
        WHERE t.state = 'touched' AND has({marts:Array(String)}, t.mart) AND t.watermark > b.built
    ),
    (SELECT min(watermark) FROM pending) AS first_seq,
    (
        SELECT (count(), toUnixTimestamp64Milli(min(received_at)))
        FROM raw.requests
        WHERE landing_seq >= first_seq
          AND toDate(received_at) >=
          (
              SELECT min(received_on)
              FROM audit.landing_ranges
              WHERE landing_seq >= first_seq AND state = 'landed' AND record_count > 0
          )
    ) AS unbuilt_rows
SELECT
    if(unbuilt_rows.1 > 0, unbuilt_rows.2, toInt64(toUnixTimestamp(toDateTime(min(day), 'UTC'))) * 1000)
        AS first_ms,
    uniqExact(mart, day) AS due_days
FROM pending

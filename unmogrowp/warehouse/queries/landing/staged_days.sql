-- The UTC days of receipt that the staged items span, and how many items there are.
SELECT min(day), max(day), count()
FROM
(
    SELECT toDate(received_at) AS day FROM {events:Identifier}
    UNION ALL
    SELECT toDate(received_at) FROM {touches:Identifier}
)

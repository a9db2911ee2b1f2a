-- Later days on which keys of changed rows have rows: what stays there may depend on the change.
SELECT DISTINCT day
FROM
(
    SELECT toDate(received_at) AS day FROM {present:Identifier}
    WHERE toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
      AND key_hash IN (SELECT key_hash FROM {changed:Identifier})
    UNION ALL
    SELECT toDate(received_at) FROM clean.duplicates
    WHERE toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date} AND kind = {kind:String}
      AND (app_id, message_id) IN (SELECT app_id, {id:Identifier} FROM {changed:Identifier})
)
ORDER BY day

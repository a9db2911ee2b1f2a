-- Rows of a day that a rebuild adds or takes away; a row that changed counts as both. Compared by
-- hash, so that a large day fits into memory.
INSERT INTO {target:Identifier}
SELECT * FROM {present:Identifier}
WHERE toDate(received_at) = {day:Date}
  AND sipHash128(tuple(*)) NOT IN (SELECT sipHash128(tuple(*)) FROM {rebuilt:Identifier})
UNION ALL
SELECT * FROM {rebuilt:Identifier}
WHERE sipHash128(tuple(*)) NOT IN (
    SELECT sipHash128(tuple(*)) FROM {present:Identifier} WHERE toDate(received_at) = {day:Date})

-- Rulesets with rows of {day} that say they count.
SELECT DISTINCT ruleset_id
FROM {database:Identifier}.{table:Identifier}
WHERE toDate({instant:Identifier}) = {day:Date} AND is_primary
ORDER BY ruleset_id

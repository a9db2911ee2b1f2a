-- Rows of a day that a rebuild adds or takes away; a row that changed counts as both.
INSERT INTO {target:Identifier}
SELECT * FROM
(
    SELECT * FROM {present:Identifier} WHERE toDate(received_at) = {day:Date}
    EXCEPT
    SELECT * FROM {rebuilt:Identifier}
)
UNION ALL
SELECT * FROM
(
    SELECT * FROM {rebuilt:Identifier}
    EXCEPT
    SELECT * FROM {present:Identifier} WHERE toDate(received_at) = {day:Date}
)

-- Staged rows become visible: one block per day and table, or nothing.
INSERT INTO {table:Identifier}
SELECT * FROM {staged:Identifier} WHERE toDate(received_at) IN {days:Array(Date)}

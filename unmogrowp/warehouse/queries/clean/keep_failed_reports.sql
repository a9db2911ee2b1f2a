-- Reports of collectors that could not be read: they are in no request, so they stay as they are.
INSERT INTO {target:Identifier}
SELECT * FROM clean.failed
WHERE toDate(received_at) = {day:Date} AND topic = 'collector.stats.v1'

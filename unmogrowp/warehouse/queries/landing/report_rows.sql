-- Rows that a range of the statistics topic has in a table already.
SELECT count()
FROM {table:Identifier}
WHERE topic_id = {topic_id:String} AND partition = {partition:UInt32}
  AND offset >= {start:UInt64} AND offset < {end:UInt64}

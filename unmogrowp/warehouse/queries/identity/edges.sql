-- Links in staging.{near} that join, as the numbers of both ends; those of nodes with too many
-- neighbours are among them, and lead to nodes that were not reached.
SELECT
    sipHash64Keyed(({salt:UInt64}, toUInt64(0)), app_id, node) AS one,
    sipHash64Keyed(({salt:UInt64}, toUInt64(0)), app_id, other) AS two
FROM staging.{near:Identifier}
WHERE side = 'device'
  AND kind NOT IN ('user_id', 'hashed_email')
  AND other != node

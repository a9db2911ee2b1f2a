-- The first to be reached: both ends of every link that build {build_id} wrote.
INSERT INTO staging.{reached:Identifier} (app_id, node, round)
SELECT DISTINCT app_id, node, 0
FROM clean.identity_links
WHERE build_id = {build_id:UInt64}

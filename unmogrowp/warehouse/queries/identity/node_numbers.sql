-- Numbers of the nodes in the order in which they may give a component its name.
SELECT number, neighbour_count
FROM staging.{nodes:Identifier}
ORDER BY first_seen_at, naming_rank, node, app_id

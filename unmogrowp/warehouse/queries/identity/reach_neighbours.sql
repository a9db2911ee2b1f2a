-- Neighbours of what round {round} reached. A node with more than {limit} of them connects nothing,
-- so nothing is reached through it.
INSERT INTO staging.{reached:Identifier} (app_id, node, round)
SELECT DISTINCT app_id, neighbour, {round:UInt32} + 1
FROM
(
    SELECT app_id, node, groupUniqArray(other) AS neighbours
    FROM clean.identity_links FINAL
    WHERE (app_id, node) IN
          (SELECT app_id, node FROM staging.{reached:Identifier} WHERE round = {round:UInt32})
      AND kind NOT IN ('user_id', 'hashed_email')
      AND other != node
    GROUP BY app_id, node
    HAVING length(neighbours) <= {limit:UInt32}
)
ARRAY JOIN neighbours AS neighbour
WHERE (app_id, neighbour) NOT IN (SELECT app_id, node FROM staging.{reached:Identifier})

-- Neighbours of nodes that have more than {limit} of them only now: what they held together until
-- the last build falls apart.
INSERT INTO staging.{reached:Identifier} (app_id, node, round)
SELECT DISTINCT app_id, neighbour, 0
FROM
(
    SELECT app_id, node, groupUniqArray(other) AS neighbours
    FROM clean.identity_links FINAL
    WHERE (app_id, node) IN (SELECT app_id, node FROM staging.{reached:Identifier})
      AND (app_id, node) NOT IN
      (
          SELECT app_id, identifier
          FROM clean.identities FINAL
          WHERE (app_id, identifier) IN (SELECT app_id, node FROM staging.{reached:Identifier})
            AND cut = 'too_many_neighbours'
      )
      AND kind NOT IN ('user_id', 'hashed_email')
      AND other != node
    GROUP BY app_id, node
    HAVING length(neighbours) > {limit:UInt32}
)
ARRAY JOIN neighbours AS neighbour
WHERE (app_id, neighbour) NOT IN (SELECT app_id, node FROM staging.{reached:Identifier})

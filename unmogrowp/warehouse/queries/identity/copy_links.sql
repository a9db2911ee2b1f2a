-- The links of the nodes in staging.{reached}: read once, asked often.
INSERT INTO staging.{near:Identifier} (app_id, node, side, kind, other, first_seen_at)
SELECT app_id, node, side, kind, other, first_seen_at
FROM clean.identity_links FINAL
WHERE (app_id, node) IN (SELECT app_id, node FROM staging.{reached:Identifier})

-- The last build of identities whose changes the queue of credit knows, and the newest that is built.
SELECT
    (SELECT max(watermark) FROM audit.touched_days WHERE mart = 'credit_identities') AS known,
    (SELECT max(build_id) FROM audit.identity_builds WHERE state = 'built' AND row_count > 0) AS newest

-- The newest build: its number, whether it is finished, and what it was to read.
SELECT build_id, max(state = 'built'), any(is_full), any(after_seq), any(through_seq), any(component_limit)
FROM audit.identity_builds
WHERE build_id = (SELECT max(build_id) FROM audit.identity_builds)
GROUP BY build_id

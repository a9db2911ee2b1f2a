-- The range that is planned and neither landed nor given up. Planning is fenced, so that only the
-- newest planned one can be open.
WITH (SELECT max(landing_seq) FROM audit.landing_ranges WHERE state = 'planned') AS newest_planned
SELECT landing_seq, topic, topic_id, partition, start_offset, end_offset, record_count, item_count, body_bytes
FROM audit.landing_ranges
WHERE state = 'planned' AND landing_seq = newest_planned
  AND NOT (SELECT count() > 0 FROM audit.landing_ranges
           WHERE landing_seq = newest_planned AND state IN ('landed', 'gap_accepted'))

-- The highest landing_seq up to which every range is settled.
WITH (SELECT max(landing_seq) FROM audit.landing_ranges WHERE state = 'planned') AS newest_planned
SELECT toUInt64(if(
    newest_planned = 0
    OR (SELECT count() > 0 FROM audit.landing_ranges
        WHERE landing_seq = newest_planned AND state IN ('landed', 'gap_accepted')),
    max(landing_seq), newest_planned - 1))
FROM audit.landing_ranges

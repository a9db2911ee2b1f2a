ALTER TABLE audit.landing_ranges {{on_cluster}} COMMENT COLUMN IF EXISTS state 'planned, landed, gap_accepted, series_ended; rebuilt and pruned name a day, not a range';
ALTER TABLE audit.landing_ranges {{on_cluster}} COMMENT COLUMN IF EXISTS landing_seq 'Order in which ranges were planned and days rebuilt or pruned, from 1';

DROP TABLE IF EXISTS audit.touched_days {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.collector_reports {{on_cluster}} SYNC;
DROP TABLE IF EXISTS audit.landing_ranges {{on_cluster}} SYNC;

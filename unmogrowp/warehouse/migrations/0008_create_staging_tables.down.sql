DROP TABLE IF EXISTS staging.repaired_bodies {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.split_items {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.repaired_requests {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.duplicates {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.failed {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.touches {{on_cluster}} SYNC;
DROP TABLE IF EXISTS staging.events {{on_cluster}} SYNC;

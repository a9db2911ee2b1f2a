DROP TABLE IF EXISTS staging.items {{on_cluster}} SYNC;

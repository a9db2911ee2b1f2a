DROP TABLE IF EXISTS raw.requests {{on_cluster}} SYNC;

DROP TABLE IF EXISTS clean.duplicates {{on_cluster}} SYNC;
DROP TABLE IF EXISTS clean.failed {{on_cluster}} SYNC;
DROP TABLE IF EXISTS clean.touches {{on_cluster}} SYNC;
DROP TABLE IF EXISTS clean.events {{on_cluster}} SYNC;

DROP TABLE IF EXISTS audit.published_partitions {{on_cluster}} SYNC;

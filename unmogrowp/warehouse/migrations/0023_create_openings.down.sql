DROP TABLE IF EXISTS mart.openings {{on_cluster}} SYNC;

DROP TABLE IF EXISTS mart.attributed_installs {{on_cluster}} SYNC;
DROP TABLE IF EXISTS mart.attribution_candidates {{on_cluster}} SYNC;
DROP TABLE IF EXISTS mart.installs {{on_cluster}} SYNC;

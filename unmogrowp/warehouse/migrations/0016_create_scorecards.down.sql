DROP TABLE IF EXISTS audit.scorecards {{on_cluster}} SYNC;

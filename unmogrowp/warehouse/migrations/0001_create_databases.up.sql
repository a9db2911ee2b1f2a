CREATE DATABASE IF NOT EXISTS raw {{on_cluster}} COMMENT 'As landed: one row per stream record';
CREATE DATABASE IF NOT EXISTS clean {{on_cluster}} COMMENT 'Typed, deduplicated, with reasons for what was refused';
CREATE DATABASE IF NOT EXISTS mart {{on_cluster}} COMMENT 'Installs and their attribution';
CREATE DATABASE IF NOT EXISTS audit {{on_cluster}} COMMENT 'Landing ranges, reconciliation, quality, queues';
CREATE DATABASE IF NOT EXISTS staging {{on_cluster}} COMMENT 'Swap space of the pipeline; nobody reads it';

CREATE TABLE IF NOT EXISTS staging.events {{on_cluster}} AS clean.events ENGINE = Memory
COMMENT 'Items of the range being landed, before copies are set apart';
CREATE TABLE IF NOT EXISTS staging.touches {{on_cluster}} AS clean.touches ENGINE = Memory
COMMENT 'Touches of the range being landed, before copies are set apart';
CREATE TABLE IF NOT EXISTS staging.failed {{on_cluster}} AS clean.failed ENGINE = Memory
COMMENT 'What the range being landed refuses';
CREATE TABLE IF NOT EXISTS staging.duplicates {{on_cluster}} AS clean.duplicates ENGINE = Memory
COMMENT 'Copies found in the range being landed';

ALTER TABLE audit.restatements {{on_cluster}} DROP COLUMN IF EXISTS caused_by;

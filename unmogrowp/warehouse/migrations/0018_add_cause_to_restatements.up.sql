ALTER TABLE audit.restatements {{on_cluster}} ADD COLUMN IF NOT EXISTS caused_by String COMMENT 'Review of a publisher that restated the install; empty: a build of identities did';

CREATE TABLE IF NOT EXISTS audit.reconciliation {{on_cluster}}
(
    audit_id         String                 COMMENT 'One run of the audit',
    audited_at       DateTime64(3, 'UTC')   COMMENT 'When the audit ran',
    app_id           LowCardinality(String) COMMENT 'App; empty when unknown',
    hour             DateTime('UTC')        COMMENT 'Hour of received_at; midnight for identities per day',
    identity         LowCardinality(String) COMMENT 'stream, collector, items, dead_letters, installs, ...',
    scope            LowCardinality(String) COMMENT 'Topic, kind or ruleset the counts are for',
    left_name        LowCardinality(String) COMMENT 'What is counted on the left',
    left_count       Decimal(38, 9)         COMMENT 'Count on the left',
    right_name       LowCardinality(String) COMMENT 'What is counted on the right',
    right_count      Decimal(38, 9)         COMMENT 'Count on the right',
    difference       Decimal(38, 9)         COMMENT 'Distance that should be zero',
    note             String                 COMMENT 'Acknowledged reasons (accepted gaps, boots without a last report)',
    complete_through DateTime64(3, 'UTC')   COMMENT 'Both sides hold everything received before this instant'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(audited_at)
ORDER BY (audited_at, audit_id, identity, scope, app_id, hour)
COMMENT 'One row per (audit, identity, scope, app, hour): two counts that should be equal';

CREATE TABLE IF NOT EXISTS audit.reconciliation_differences {{on_cluster}}
(
    audit_id         String                 COMMENT 'One run of the audit',
    audited_at       DateTime64(3, 'UTC')   COMMENT 'When the audit ran',
    identity         LowCardinality(String) COMMENT 'Identity that does not hold',
    app_id           LowCardinality(String) COMMENT 'App',
    hour             DateTime('UTC')        COMMENT 'Hour of received_at',
    side             LowCardinality(String) COMMENT 'only_left, only_right, or counted',
    id               String                 COMMENT 'Coordinates, message_id or install_id that is on one side only',
    detail           String                 COMMENT 'What is known of it'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(audited_at)
ORDER BY (audited_at, audit_id, identity, app_id, hour, id)
COMMENT 'One row per id behind a difference; at most 1,000 per identity and audit';

CREATE TABLE IF NOT EXISTS audit.quality_results {{on_cluster}}
(
    checked_at       DateTime64(3, 'UTC')   COMMENT 'When the check ran',
    run_id           String                 COMMENT 'Dagster run, or empty',
    table_name       LowCardinality(String) COMMENT 'Table that was checked',
    partition_key    String                 COMMENT 'Partition, or the landed range',
    suite            LowCardinality(String) COMMENT 'contract (SQL, blocking) or expectations (Great Expectations)',
    check_name       LowCardinality(String) COMMENT 'A sentence that can be true',
    column_name      LowCardinality(String) COMMENT 'Column, where the check is about one',
    severity         LowCardinality(String) COMMENT 'error or warning',
    is_passed        Bool                   COMMENT 'The sentence was true',
    unexpected_count UInt64                 COMMENT 'Rows that broke it',
    observed         String                 COMMENT 'What was seen',
    expected         String                 COMMENT 'What was expected'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(checked_at)
ORDER BY (table_name, checked_at, check_name)
COMMENT 'One row per check and run';

CREATE TABLE IF NOT EXISTS audit.config_snapshots {{on_cluster}}
(
    config_hash      String                 COMMENT 'Hash of the body',
    kind             LowCardinality(String) COMMENT 'ruleset, ...',
    config_id        LowCardinality(String) COMMENT 'Id of the configuration, for example the ruleset_id',
    body             String                 COMMENT 'Canonical JSON',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'First use'
)
ENGINE = {{replacing_merge_tree(recorded_at)}}
ORDER BY (kind, config_id, config_hash)
COMMENT 'One row per configuration a decision was made with';

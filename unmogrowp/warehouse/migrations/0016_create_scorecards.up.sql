CREATE TABLE IF NOT EXISTS audit.scorecards {{on_cluster}}
(
    scored_at        DateTime64(3, 'UTC')   COMMENT 'When it was scored',
    scorecard_id     String                 COMMENT 'Hash of everything the scorecard says and when it was made',
    shape            LowCardinality(String) COMMENT 'Kind of market whose truth it was held against',
    seed             Int64                  COMMENT 'Seed of the market',
    app_id           LowCardinality(String) COMMENT 'App the market was sent to',
    ruleset_id       LowCardinality(String) COMMENT 'Ruleset whose decisions were scored',
    part             LowCardinality(String) COMMENT 'decisions (by match type), evidence, rules, or credit: the kind of journeys',
    subject          LowCardinality(String) COMMENT 'Match type, kind of evidence, rule or model',
    measure          LowCardinality(String) COMMENT 'precision, recall, exact, or misplaced (share of installs given to the wrong channel)',
    hits             Nullable(UInt64)       COMMENT 'What was right; NULL for misplaced',
    total            UInt64                 COMMENT 'What it is a share of; 0: nothing was seen',
    value            Nullable(Float64)      COMMENT 'The share; NULL where nothing was seen',
    lower            Float64                COMMENT 'Lower end of the 95 % interval',
    upper            Float64                COMMENT 'Upper end of the 95 % interval'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(scored_at)
ORDER BY (shape, seed, app_id, ruleset_id, scored_at, part, subject, measure)
SETTINGS {{dedup_window}}
COMMENT 'One row per (scorecard, part, subject, measure): how right decisions, rules and models were';

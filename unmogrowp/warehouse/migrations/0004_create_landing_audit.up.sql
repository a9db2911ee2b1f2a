CREATE TABLE IF NOT EXISTS audit.landing_ranges {{on_cluster}}
(
    landing_seq      UInt64                 COMMENT 'Order in which ranges were planned and days rebuilt or pruned, from 1',
    state            LowCardinality(String) COMMENT 'planned, landed, gap_accepted, series_ended; rebuilt and pruned name a day, not a range',
    topic            LowCardinality(String) COMMENT 'Stream topic',
    topic_id         LowCardinality(String) COMMENT 'UUID of the topic',
    partition        UInt32                 COMMENT 'Stream partition',
    start_offset     UInt64                 COMMENT 'First offset of the range',
    end_offset       UInt64                 COMMENT 'Offset after the last one of the range',
    received_on      Date                   COMMENT 'UTC day of received_at the counts are for; 1970-01-01 where none',
    record_count     UInt64                 COMMENT 'Rows of raw.requests of this range and day',
    item_count       UInt64                 COMMENT 'Items of these rows',
    body_bytes       UInt64                 COMMENT 'Bytes of the bodies of these rows',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written',
    note             String                 COMMENT 'Reason, where the state needs one',
    INDEX landed landing_seq TYPE minmax GRANULARITY 1
)
ENGINE = {{merge_tree}}
ORDER BY (topic, topic_id, partition, start_offset, state, received_on, landing_seq)
SETTINGS {{dedup_window}}
COMMENT 'What landing planned and what it landed: one row per (range, state, day of receipt)';

CREATE TABLE IF NOT EXISTS audit.collector_reports {{on_cluster}}
(
    collector_id     LowCardinality(String) COMMENT 'Collector process slot, stable over restarts',
    boot_id          String                 COMMENT 'Unique id of one life of that process',
    sequence         UInt64                 COMMENT 'Number of the report within the boot, from 1',
    reported_at      DateTime64(3, 'UTC')   COMMENT 'When the report was made',
    started_at       DateTime64(3, 'UTC')   COMMENT 'When the boot began',
    is_final         Bool                   COMMENT 'The last report of an orderly end',
    app_id           LowCardinality(String) COMMENT 'App; empty when unknown and in the row that only marks a report',
    hour             DateTime('UTC')        COMMENT 'Hour of received_at',
    topic            LowCardinality(String) COMMENT 'Topic the requests were sent to',
    acknowledged_requests UInt64            COMMENT 'Since boot: requests acknowledged by the stream',
    acknowledged_items    UInt64            COMMENT 'Since boot: their items',
    unknown_requests UInt64                 COMMENT 'Since boot: requests sent whose outcome was never learnt',
    unknown_items    UInt64                 COMMENT 'Since boot: their items',
    refused          Map(LowCardinality(String), UInt64) COMMENT 'Since boot: requests refused without a record, by code',
    topic_id         LowCardinality(String) COMMENT 'Coordinates: topic of the report',
    partition        UInt32                 COMMENT 'Coordinates: partition of the report',
    offset           UInt64                 COMMENT 'Coordinates: offset of the report',
    landing_seq      UInt64                 COMMENT 'Sequence number of the landed range'
)
ENGINE = {{merge_tree}}
PARTITION BY toYYYYMM(reported_at)
ORDER BY (app_id, hour, topic, collector_id, boot_id, sequence)
SETTINGS {{dedup_window}}
COMMENT 'What collectors say they acknowledged: counters since boot, one row per (report, app, hour, topic)';

CREATE TABLE IF NOT EXISTS audit.touched_days {{on_cluster}}
(
    mart             LowCardinality(String) COMMENT 'What has to be built again: clean, installs or attribution',
    day              Date                   COMMENT 'UTC day of the partition',
    state            LowCardinality(String) COMMENT 'touched or built',
    watermark        UInt64                 COMMENT 'touched: landing_seq that touched it; built: highest landing_seq the build had read',
    reason           LowCardinality(String) COMMENT 'Why: events, touches, late_copy, rebuild, migration, ...',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (mart, day, state, watermark)
COMMENT 'Queue of days to rebuild: a day is due while its highest touched watermark exceeds the highest built one';

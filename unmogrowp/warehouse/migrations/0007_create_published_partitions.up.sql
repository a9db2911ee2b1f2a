CREATE TABLE IF NOT EXISTS audit.published_partitions {{on_cluster}}
(
    table_name       LowCardinality(String) COMMENT 'Table whose partition was replaced',
    partition_key    String                 COMMENT 'Values of the partition key, joined by /',
    watermark        UInt64                 COMMENT 'Highest landing_seq the build had read',
    state            LowCardinality(String) COMMENT 'publishing (fence, written before the swap) or published',
    row_count        UInt64                 COMMENT 'Rows of the new partition',
    recorded_at      DateTime64(3, 'UTC')   COMMENT 'When this row was written'
)
ENGINE = {{merge_tree}}
ORDER BY (table_name, partition_key, watermark, state)
COMMENT 'Which input each rebuilt partition stands for; a build that read less is refused';

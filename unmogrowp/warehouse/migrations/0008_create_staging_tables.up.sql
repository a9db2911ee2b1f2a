CREATE TABLE IF NOT EXISTS staging.events {{on_cluster}} AS clean.events ENGINE = Memory
COMMENT 'Items of the range being landed, before copies are set apart';
CREATE TABLE IF NOT EXISTS staging.touches {{on_cluster}} AS clean.touches ENGINE = Memory
COMMENT 'Touches of the range being landed, before copies are set apart';
CREATE TABLE IF NOT EXISTS staging.failed {{on_cluster}} AS clean.failed ENGINE = Memory
COMMENT 'What the range being landed refuses';
CREATE TABLE IF NOT EXISTS staging.duplicates {{on_cluster}} AS clean.duplicates ENGINE = Memory
COMMENT 'Copies found in the range being landed';
CREATE TABLE IF NOT EXISTS staging.repaired_requests {{on_cluster}} AS raw.requests ENGINE = Memory
COMMENT 'Requests of the range being landed whose unreadable items were taken out';
CREATE TABLE IF NOT EXISTS staging.split_items {{on_cluster}}
(
    topic_id         String COMMENT 'Coordinates: topic',
    partition        UInt32 COMMENT 'Coordinates: partition',
    offset           UInt64 COMMENT 'Coordinates: offset',
    frame_index      UInt16 COMMENT 'Coordinates: request within the record',
    item_index       UInt32 COMMENT 'Coordinates: item within the request',
    code             String COMMENT 'Why it is refused; empty while that is the question',
    bytes            String COMMENT 'The item as it came'
)
ENGINE = Memory
COMMENT 'Items cut out of requests that the engine cannot split';
CREATE TABLE IF NOT EXISTS staging.repaired_bodies {{on_cluster}}
(
    topic_id         String COMMENT 'Coordinates: topic',
    partition        UInt32 COMMENT 'Coordinates: partition',
    offset           UInt64 COMMENT 'Coordinates: offset',
    frame_index      UInt16 COMMENT 'Coordinates: request within the record',
    body             String COMMENT 'The body with null in the place of unreadable items',
    bad_indexes      Array(UInt32) COMMENT 'Indexes of the unreadable items'
)
ENGINE = Memory
COMMENT 'Bodies that take the place of those the engine cannot split';

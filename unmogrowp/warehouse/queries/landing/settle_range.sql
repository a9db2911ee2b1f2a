INSERT INTO audit.landing_ranges
    (landing_seq, state, topic, topic_id, partition, start_offset, end_offset, received_on,
     record_count, item_count, body_bytes, recorded_at, note)
SELECT
    -- One row whatever the number: an aggregate that folding removes would leave one per ledger row.
    if({landing_seq:UInt64} = 0,
       (SELECT max(landing_seq) + 1 FROM audit.landing_ranges), {landing_seq:UInt64}),
    {state:String},
    {topic:String}, {topic_id:String}, {partition:UInt32}, {start:UInt64}, {end:UInt64},
    toDate('1970-01-01'), 0, 0, 0, fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC'), {note:String}

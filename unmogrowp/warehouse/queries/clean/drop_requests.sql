-- Takes back what was staged of some requests, before they are staged in another way.
ALTER TABLE {table:Identifier}
DELETE WHERE (topic_id, partition, offset, frame_index) IN (
    SELECT topic_id, partition, offset, frame_index FROM staging.split_items)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1

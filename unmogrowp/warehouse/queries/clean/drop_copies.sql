ALTER TABLE {items:Identifier}
DELETE WHERE (topic_id, partition, offset, frame_index, item_index) IN (
    SELECT topic_id, partition, offset, frame_index, item_index FROM {duplicates:Identifier}
    WHERE kind = {kind:String})
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1

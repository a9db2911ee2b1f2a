ALTER TABLE {events:Identifier}
DELETE WHERE dateDiff('millisecond', occurred_at, received_at) > {max_age_ms:Int64}
SETTINGS mutations_sync = 2

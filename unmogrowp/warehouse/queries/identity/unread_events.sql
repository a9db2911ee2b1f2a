-- Whether ranges after {after} through {through} brought events, or a rebuild changed some.
SELECT
    (SELECT count() FROM (
        SELECT 1 FROM clean.events
        WHERE landing_seq > {after:UInt64} AND landing_seq <= {through:UInt64} LIMIT 1))
    + (SELECT count() FROM audit.rebuilt_devices
       WHERE landing_seq > {after:UInt64} AND landing_seq <= {through:UInt64})

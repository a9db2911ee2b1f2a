-- Devices whose events a rebuild of a clean day changed, among ranges after {after} through {through}.
INSERT INTO staging.{target:Identifier} (app_id, device_key)
SELECT DISTINCT app_id, device_key
FROM audit.rebuilt_devices
WHERE landing_seq > {after:UInt64} AND landing_seq <= {through:UInt64}

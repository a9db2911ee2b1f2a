-- The ruleset behind a decision, as it was when the decision was made.
SELECT body
FROM audit.config_snapshots
WHERE kind = 'ruleset' AND config_hash = {config_hash:String}
LIMIT 1

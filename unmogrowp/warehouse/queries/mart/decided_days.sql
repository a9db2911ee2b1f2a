-- Days from {first} on that a ruleset decides: those of installs; and, where it decides re-engagements
-- ({has_openings}) or one before it did, every day of events that follow an install, as days on which
-- nobody installed have conversions then too.
SELECT DISTINCT toDate(installed_at) AS day
FROM mart.installs
WHERE day >= {first:Date}
UNION DISTINCT
SELECT DISTINCT toDate(occurred_at) AS day
FROM mart.attributed_events
WHERE day >= {first:Date}
  AND ({has_openings:Bool} OR EXISTS (SELECT 1 FROM mart.openings))

-- Candidates of conversions that a touch won, with those that lost or were refused beside it.
SELECT *
FROM staging.{judged:Identifier}
WHERE (app_id, conversion_id) IN
      (SELECT app_id, conversion_id FROM staging.{judged:Identifier} WHERE rank = 1)

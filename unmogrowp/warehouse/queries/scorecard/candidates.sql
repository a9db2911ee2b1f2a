-- Touches considered for the installs of {app_id} under {ruleset_id}, with the rules that fired
-- (without a ruleset: for the decisions that count), each with its mode: one rule may flag at one threshold and block at another.
SELECT
    install_id,
    touch_id,
    arraySort(arrayDistinct(arrayMap(
        one -> concat(one.rule, ' (', one.mode, ')'), fraud_verdicts
    ))) AS rules
FROM mart.attribution_candidates
WHERE app_id = {app_id:String}
  AND (conversion_id = install_id OR conversion_id = '')
  AND if(
      {ruleset_id:String} = '',
      (ruleset_id, install_id) IN
      (
          SELECT ruleset_id, install_id
          FROM mart.attributed_installs
          WHERE app_id = {app_id:String} AND is_primary
      ),
      ruleset_id = {ruleset_id:String}
  )
ORDER BY install_id, touch_id

-- For each outcome one install, the earliest that shows it with few touches: (case, install_id).
WITH
    touches AS
    (
        SELECT
            install_id,
            countIf(reason = 'after_install') AS after_count,
            countIf(reason = 'outside_window') AS outside_count,
            countIf(reason = 'lower_tier') AS lower_tier_count,
            countIf(startsWith(reason, 'fraud_blocked:')) AS blocked_count
        FROM mart.attribution_candidates
        WHERE ruleset_id = {ruleset:String}
        GROUP BY install_id
    ),
    shown AS
    (
        SELECT
            d.install_id AS install_id,
            arrayJoin(arrayFilter(one -> one != '', [
                if(match_type = 'click_id' AND conversion_kind = 'install' AND eligible_count >= 2
                   AND blocked_count = 0, 'click_id', ''),
                if(match_type = 'referrer' AND conversion_kind = 'install' AND candidate_count >= 2,
                   'referrer', ''),
                if(match_type = 'device_id' AND touch_type = 'click' AND conversion_kind = 'install'
                   AND lower_tier_count > 0 AND blocked_count = 0, 'device_id', ''),
                if(touch_type = 'impression' AND conversion_kind = 'install'
                   AND candidate_count >= 2 AND blocked_count = 0, 'view', ''),
                if(is_organic AND organic_reason = 'no_touch' AND conversion_kind = 'install',
                   'no_touch', ''),
                if(is_organic AND organic_reason = 'outside_window' AND outside_count >= 2
                   AND conversion_kind = 'install', 'outside_window', ''),
                if(NOT is_organic AND blocked_count > 0 AND conversion_kind = 'install',
                   'fraud', ''),
                if(conversion_kind = 'reinstall' AND candidate_count > 0, 'reinstall', ''),
                if(conversion_kind = 're_attribution', 're_attribution', ''),
                if(is_organic AND organic_reason = 'after_install' AND conversion_kind = 'install',
                   'after_install', '')
            ])) AS shows,
            row_number() OVER (
                PARTITION BY shows ORDER BY candidate_count > 6, d.installed_at, install_id
            ) AS place
        FROM mart.attributed_installs AS d
        LEFT JOIN touches AS t ON d.install_id = t.install_id
        WHERE d.ruleset_id = {ruleset:String}
    )
SELECT shows, install_id FROM shown WHERE place = 1

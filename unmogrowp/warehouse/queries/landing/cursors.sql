-- Where each series stands: the end of what is settled, and whether the series is over.
SELECT topic, topic_id, partition,
       max(if(state = 'planned', 0, end_offset)) AS landed_end,
       max(state = 'series_ended') AS is_series_ended
FROM audit.landing_ranges
WHERE topic != ''
GROUP BY topic, topic_id, partition
ORDER BY topic, topic_id, partition

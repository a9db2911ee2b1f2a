-- Whether retention removed raw rows of a day.
SELECT received_on FROM audit.landing_ranges WHERE state = 'pruned' AND received_on = {day:Date} LIMIT 1

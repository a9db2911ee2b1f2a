-- Keys of staged rows that occur twice among them, or that a row of the horizon has already.
-- PREWHERE by hand: of nearly all rows nothing but the hash need be read.
SELECT
    (SELECT count() FROM (SELECT key_hash FROM {items:Identifier} GROUP BY key_hash HAVING count() > 1))
    + (SELECT count()
       FROM {history:Identifier}
       PREWHERE key_hash IN (SELECT key_hash FROM {items:Identifier})
       WHERE toDate(received_at) BETWEEN {first_day:Date} AND {last_day:Date}
         AND landing_seq != {landing_seq:UInt64})

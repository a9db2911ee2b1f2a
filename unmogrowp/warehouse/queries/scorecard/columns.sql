-- Columns a table has; none where there is no such table.
SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}

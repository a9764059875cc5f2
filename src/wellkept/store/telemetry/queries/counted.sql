-- How many predictions there are.
SELECT count() AS rows
FROM predictions FINAL
-- include queries/counted_where.sql

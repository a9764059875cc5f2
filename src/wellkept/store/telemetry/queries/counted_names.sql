-- What the inputs of a version's predictions are called: one row for each way.
SELECT DISTINCT toString(names) AS names
FROM predictions
-- include queries/counted_where.sql
ORDER BY names

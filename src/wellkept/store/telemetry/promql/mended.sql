-- Series that a sudden end kept from following metric_series.
INSERT INTO prometheus_series
SELECT *
FROM
(
-- include promql/labels.sql
)
WHERE series IN (SELECT series FROM metric_series WHERE series NOT IN (SELECT series FROM prometheus_series))

-- Points of concatenated OTLP metrics requests, by way of metric_arrivals.
INSERT INTO metric_arrivals
SELECT {batch:UInt64} AS batch, series, time, value
FROM
(
-- include otlp/metrics_decoded.sql
)
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0

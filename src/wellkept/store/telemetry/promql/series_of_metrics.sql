-- The series of some metrics that may have points in a span of time, as series_found.sql has them, with when they were
-- there; of a metric with very many not all of them.
SELECT series, toString(any(metric)) AS called,
    toUnixTimestamp64Milli(min(first_seen)) AS since, toUnixTimestamp64Milli(max(last_seen)) AS seen
FROM prometheus_series
WHERE metric IN {metrics:Array(String)}
GROUP BY series
HAVING max(last_seen) >= fromUnixTimestamp64Milli({since:Int64}) AND min(first_seen) <= fromUnixTimestamp64Milli({until:Int64})
ORDER BY seen DESC, series
LIMIT {most:UInt64} BY called
LIMIT {limit:UInt64}

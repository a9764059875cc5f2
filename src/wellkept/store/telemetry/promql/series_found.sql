-- Series that a selector matches and that may have points in a span of time.
SELECT series, max(last_seen) AS seen
FROM prometheus_series
WHERE last_seen >= fromUnixTimestamp64Milli({since:Int64}) AND first_seen <= fromUnixTimestamp64Milli({until:Int64})
    AND ($conditions)
GROUP BY series
ORDER BY seen DESC, series
LIMIT {limit:UInt64}

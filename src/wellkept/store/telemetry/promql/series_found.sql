-- Series that a selector matches and that may have points in a span of time. What is known of a series may lie in
-- several rows until they are merged, none of which alone reaches over the span.
SELECT series, max(last_seen) AS seen
FROM prometheus_series
WHERE ($conditions)
GROUP BY series
HAVING seen >= fromUnixTimestamp64Milli({since:Int64}) AND min(first_seen) <= fromUnixTimestamp64Milli({until:Int64})
ORDER BY seen DESC, series
LIMIT {limit:UInt64}

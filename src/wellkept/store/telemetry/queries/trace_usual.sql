-- How long some operations of some services took in a span of time, and how many failed, told by one trace of every so
-- many. A span that came twice counts twice, which moves no median.
SELECT
    toString(ServiceEntity) AS entity, toString(SpanName) AS name, count() * {every:UInt32} AS spans,
    quantile(0.5)(Duration) / 1e9 AS p50_s, quantile(0.95)(Duration) / 1e9 AS p95_s,
    countIf(StatusCode = 'Error') * {every:UInt32} AS errors
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND cityHash64(TraceId) % {every:UInt32} = 0
    AND ServiceEntity IN {entities:Array(String)} AND SpanName IN {names:Array(String)}
GROUP BY entity, name
ORDER BY entity, name
LIMIT 10000

-- What traces are as a whole. The root is the span that has no parent; where it is missing, the first one.
SELECT
    TraceId AS trace_id,
    fromUnixTimestamp64Nano(min(started)) AS start,
    (max(ended) - min(started)) / 1e9 AS duration_s,
    argMin(SpanName, (ParentSpanId != '', started)) AS name,
    argMin(ServiceName, (ParentSpanId != '', started)) AS service,
    toUInt32(uniqExact(SpanId)) AS spans,
    toUInt32(uniqExactIf(SpanId, StatusCode = 'Error')) AS errors,
    arraySort(groupUniqArray(toString(ServiceName))) AS services
FROM
(
    SELECT *, toUnixTimestamp64Nano(Timestamp) AS started, started + toInt64(Duration) AS ended
    FROM otel_traces
    WHERE TraceId IN {traces:Array(String)}
        AND Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
)
GROUP BY trace_id

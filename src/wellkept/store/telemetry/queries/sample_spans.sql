-- Spans of whole traces, ids as numbers; a span that came twice is one. parent is 0 where there is none.
SELECT
    cityHash64(TraceId) AS trace,
    if(ParentSpanId = '', toString(TraceId), '') AS trace_id,
    cityHash64(TraceId, SpanId) AS span,
    if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
    toString(ServiceEntity) AS entity,
    toString(SpanName) AS name,
    SpanKind IN ('Server', 'Consumer') AS answers,
    SpanKind = 'Client' AS asks,
    StatusCode = 'Error' AS failed,
    toUnixTimestamp64Nano(Timestamp) AS start,
    toInt64(Duration) AS duration
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND cityHash64(TraceId) % {every:UInt32} = 0 AND ServiceEntity != ''
ORDER BY start, span
LIMIT 1 BY TraceId, SpanId

-- Spans as they came, by when they ended; a span that came twice is one.
SELECT
    start + toInt64(Duration) AS at, toUnixTimestamp64Nano(Timestamp) AS start,
    TraceId AS trace, SpanId AS span, ParentSpanId AS parent, SpanName AS name,
    toInt64(indexOf(['Internal', 'Server', 'Client', 'Producer', 'Consumer'], SpanKind)) AS kind,
    toInt64(indexOf(['Ok', 'Error'], StatusCode)) AS status, StatusMessage AS message,
    cityHash64(ResourceAttributes) AS resource, ResourceAttributes AS resource_attributes,
    SpanAttributes AS attributes,
    arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_times,
    arrayMap(name -> toString(name), `Events.Name`) AS event_names,
    `Events.Attributes` AS event_attributes
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({since:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND at >= {start:Int64} * 1000000 AND at < {end:Int64} * 1000000
ORDER BY at, trace, span
LIMIT 1 BY TraceId, SpanId

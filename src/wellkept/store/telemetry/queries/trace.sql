SELECT
    Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ServiceEntity, Entity,
    ResourceAttributes, ScopeName, SpanAttributes, Duration, StatusCode, StatusMessage,
    `Events.Timestamp` AS event_times, `Events.Name` AS event_names, `Events.Attributes` AS event_attributes
FROM otel_traces
WHERE TraceId = {trace_id:String}
ORDER BY Timestamp, SpanId
LIMIT 1 BY TraceId, SpanId
LIMIT 10000

-- The spans of a trace by time; a span that came twice is one.
SELECT
    Timestamp AS start, Duration / 1e9 AS duration_s, SpanId AS span_id, ParentSpanId AS parent_span_id,
    SpanName AS name, SpanKind AS kind, ServiceName AS service, ServiceEntity AS entity, StatusCode AS status,
    StatusMessage AS status_message, ScopeName AS scope, SpanAttributes AS attributes,
    ResourceAttributes AS resource_attributes,
    arrayMap((t, n, a) -> tuple(t, toString(n), a), `Events.Timestamp`, `Events.Name`, `Events.Attributes`)
        ::Array(Tuple(time DateTime64(9, 'UTC'), name String, attributes Map(LowCardinality(String), String))) AS events,
    arrayMap((t, s, a) -> tuple(t, s, a), `Links.TraceId`, `Links.SpanId`, `Links.Attributes`)
        ::Array(Tuple(trace_id String, span_id String, attributes Map(LowCardinality(String), String))) AS links
FROM otel_traces
WHERE TraceId = {trace_id:String}
ORDER BY Timestamp, SpanId
LIMIT 1 BY SpanId
LIMIT {limit:UInt64}

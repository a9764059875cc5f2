-- Spans of concatenated OTLP traces requests.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes,
    ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    `Events.Timestamp`, `Events.Name`, `Events.Attributes`,
    `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`, Entity, ServiceEntity)
SELECT
    fromUnixTimestamp64Nano(wellkept_nanos(start_ns, {received:UInt64})),
    trace_id, span_id, parent_id, trace_state, name, kind, resource.3, resource.1,
    scope.1, scope.2, attributes,
    if(end_ns > start_ns AND start_ns != 0, end_ns - start_ns, 0),
    status_code, status_message,
    arrayMap(e -> fromUnixTimestamp64Nano(wellkept_nanos(e.time_unix_nano, {received:UInt64})), events),
    arrayMap(e -> toValidUTF8(e.name), events),
    arrayMap(e -> wellkept_map(wellkept_pairs(e.attributes)), events),
    arrayMap(l -> lower(hex(l.trace_id)), links),
    arrayMap(l -> lower(hex(l.span_id)), links),
    arrayMap(l -> toValidUTF8(l.trace_state), links),
    arrayMap(l -> wellkept_map(wellkept_pairs(l.attributes)), links),
    wellkept_within(resource.2, resource.1, attributes),
    resource.4
FROM
(
    SELECT
        r.start_time_unix_nano AS start_ns,
        r.end_time_unix_nano AS end_ns,
        lower(hex(r.trace_id)) AS trace_id,
        lower(hex(r.span_id)) AS span_id,
        lower(hex(r.parent_span_id)) AS parent_id,
        toValidUTF8(r.trace_state) AS trace_state,
        toValidUTF8(r.name) AS name,
        transform(
            r.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS kind,
        wellkept_map(wellkept_pairs(r.attributes)) AS attributes,
        transform(r.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS status_code,
        toValidUTF8(r.status.message) AS status_message,
        r.events AS events,
        r.links AS links,
        resource, scope
    FROM
    (
        SELECT
            wellkept_spread(counts, resources) AS resource_of,
            wellkept_spread(counts, scopes) AS scope_of,
            arrayFlatten(nested_spans) AS records
        FROM
        (
            SELECT
                wellkept_spread(scopes_below, resources) AS resources,
                arrayMap(x -> (toValidUTF8(x.name), toValidUTF8(x.version)), s.scope) AS scopes,
                arrayMap(x -> length(x), s.spans) AS counts,
                s.spans AS nested_spans
            FROM
            (
                SELECT
                    arrayMap(
                        m -> (m, wellkept_own(m), m['service.name'], wellkept_service(m)), maps) AS resources,
                    scopes_below, s
                FROM
                (
                    SELECT
                        arrayMap(a -> wellkept_map(wellkept_pairs(a)), resource_spans.resource.attributes) AS maps,
                        arrayMap(x -> length(x), resource_spans.scope_spans) AS scopes_below,
                        arrayFlatten(resource_spans.scope_spans) AS s
                    FROM file({body:String}, 'ProtobufSingle', {structure:String})
                )
            )
        )
    )
    ARRAY JOIN resource_of AS resource, scope_of AS scope, records AS r
)
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0

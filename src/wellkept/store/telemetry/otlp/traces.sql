-- Spans of concatenated OTLP traces requests. The nesting is taken off as it is in logs.sql.
-- What a span has several of comes along as a tuple, which flattening leaves whole: the attributes of the span, then of
-- its events and of its links, made maps in one go; then the columns of its events, and of its links.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes,
    ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    `Events.Timestamp`, `Events.Name`, `Events.Attributes`,
    `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`, Entity, ServiceEntity,
    Request, RequestRows, Received)
SELECT
    fromUnixTimestamp64Nano(wellkept_nanos(start, {received:UInt64})),
    lower(hex(trace)), lower(hex(span)), lower(hex(parent)), toValidUTF8(state), toValidUTF8(name),
    transform(kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified'),
    owner.3, owner.1, owner.6, owner.7, own,
    if(end > start AND start != 0, end - start, 0),
    transform(code, [1, 2], ['Ok', 'Error'], 'Unset'), toValidUTF8(message),
    arrayMap(t -> fromUnixTimestamp64Nano(wellkept_nanos(t, {received:UInt64})), many.2),
    arrayMap(n -> toValidUTF8(n), many.3),
    arraySlice(many.1, 2, length(many.2)),
    arrayMap(l -> lower(hex(l)), many.4),
    arrayMap(l -> lower(hex(l)), many.5),
    arrayMap(l -> toValidUTF8(l), many.6),
    arraySlice(many.1, 2 + length(many.2)),
    wellkept_within(owner.2, owner.1, own),
    owner.4, owner.5.1, owner.5.2, fromUnixTimestamp64Nano({received:Int64})
FROM
(
    SELECT
        wellkept_spread(spans_below, arrayMap(
            (r, name, version) -> (
                r.1, r.2, r.1['service.name'], r.3, r.4, toValidUTF8(name), toValidUTF8(version)),
            wellkept_spread(scopes_below, arrayMap(
                (m, request) -> (wellkept_present_resource(m), wellkept_own(m), wellkept_service(m), request),
                maps, requests)),
            scope_names, versions)) AS owners,
        arrayMap(x -> x.1[1], manies) AS owns,
        manies, starts, ends, traces, spans, parents, states, names, kinds, codes, messages
    FROM
    (
        SELECT
            arrayMap(a -> wellkept_map(wellkept_pairs(a)), `resource_spans.resource.attributes`) AS maps,
            arrayFlatten(arrayMap((a, b, c, d, e, f, g, h) -> arrayMap((a, b, c, d, e, f, g, h) -> arrayMap(
                (own, events, links, times, names, traces, spans, states) -> (
                    arrayMap(a -> wellkept_map(wellkept_pairs(a)), arrayConcat([own], events, links)),
                    times, names, traces, spans, states),
                a, b, c, d, e, f, g, h), a, b, c, d, e, f, g, h),
                `resource_spans.scope_spans.spans.attributes`,
                `resource_spans.scope_spans.spans.events.attributes`,
                `resource_spans.scope_spans.spans.links.attributes`,
                `resource_spans.scope_spans.spans.events.time_unix_nano`,
                `resource_spans.scope_spans.spans.events.name`,
                `resource_spans.scope_spans.spans.links.trace_id`,
                `resource_spans.scope_spans.spans.links.span_id`,
                `resource_spans.scope_spans.spans.links.trace_state`)) AS manies,
            wellkept_requests(
                {requests:Array(UInt64)}, {firsts:Array(UInt64)}, {counts:Array(UInt64)},
                arrayMap(r -> arraySum(s -> length(s), r), `resource_spans.scope_spans.spans.kind`)) AS requests,
            arrayMap(r -> length(r), `resource_spans.scope_spans.scope.name`) AS scopes_below,
            arrayFlatten(`resource_spans.scope_spans.scope.name`) AS scope_names,
            arrayFlatten(`resource_spans.scope_spans.scope.version`) AS versions,
            arrayFlatten(arrayMap(
                r -> arrayMap(s -> length(s), r), `resource_spans.scope_spans.spans.kind`)) AS spans_below,
            arrayFlatten(`resource_spans.scope_spans.spans.start_time_unix_nano`) AS starts,
            arrayFlatten(`resource_spans.scope_spans.spans.end_time_unix_nano`) AS ends,
            arrayFlatten(`resource_spans.scope_spans.spans.trace_id`) AS traces,
            arrayFlatten(`resource_spans.scope_spans.spans.span_id`) AS spans,
            arrayFlatten(`resource_spans.scope_spans.spans.parent_span_id`) AS parents,
            arrayFlatten(`resource_spans.scope_spans.spans.trace_state`) AS states,
            arrayFlatten(`resource_spans.scope_spans.spans.name`) AS names,
            arrayFlatten(`resource_spans.scope_spans.spans.kind`) AS kinds,
            arrayFlatten(`resource_spans.scope_spans.spans.status.code`) AS codes,
            arrayFlatten(`resource_spans.scope_spans.spans.status.message`) AS messages
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
    )
)
ARRAY JOIN
    owners AS owner, owns AS own, manies AS many, starts AS start, ends AS end, traces AS trace, spans AS span,
    parents AS parent, states AS state, names AS name, kinds AS kind, codes AS code, messages AS message
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0, optimize_and_compare_chain = 0

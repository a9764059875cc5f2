-- Records of concatenated OTLP logs requests. A record without a time takes its time of observation, or of receipt.
-- The nesting is taken off array by array, and only the innermost records become rows. What a small request costs is the
-- analysis of this text, which grows with every function in it and with the length of their types: so each field is a
-- column of its own, and the attributes of resources, scopes and records become maps in one go.
INSERT INTO otel_logs
    (Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl,
    ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, LogAttributes, EventName, Entity,
    Request, RequestRows, Received)
SELECT
    fromUnixTimestamp64Nano(wellkept_nanos(if(time = 0, observed, time), {received:UInt64})),
    lower(hex(trace)), lower(hex(span)), toUInt8(bitAnd(flag, 255)),
    toValidUTF8(level), toUInt8(least(greatest(number, 0), 24)),
    owner.3, toValidUTF8(body), owner.4, owner.1, owner.8, owner.6, owner.7, owner.9, own, toValidUTF8(event),
    wellkept_within(owner.2, owner.1, own),
    owner.5.1, owner.5.2, fromUnixTimestamp64Nano({received:Int64})
FROM
(
    SELECT
        wellkept_spread(records_below, arrayMap(
            (r, name, version, url, m) -> (
                r.1, r.2, r.1['service.name'], r.3, r.4, toValidUTF8(name), toValidUTF8(version), toValidUTF8(url), m),
            wellkept_spread(scopes_below, arrayMap(
                (m, url, request) -> (wellkept_present_resource(m), wellkept_own(m), toValidUTF8(url), request),
                arraySlice(maps, 1, length(urls)), urls, requests)),
            names, versions, scope_urls, arraySlice(maps, 1 + length(urls), length(names)))) AS owners,
        arraySlice(maps, 1 + length(urls) + length(names)) AS owns,
        times, observeds, numbers, levels, bodies, flags, traces, spans, events
    FROM
    (
        SELECT
            arrayFlatten(arrayMap(r -> arrayMap(s -> arrayMap(a -> wellkept_map(wellkept_pairs(a)), s), r), arrayConcat(
                [[`resource_logs.resource.attributes`]],
                [`resource_logs.scope_logs.scope.attributes`],
                `resource_logs.scope_logs.log_records.attributes`))) AS maps,
            `resource_logs.schema_url` AS urls,
            wellkept_requests(
                {requests:Array(UInt64)}, {firsts:Array(UInt64)}, {counts:Array(UInt64)},
                arrayMap(r -> arraySum(s -> length(s), r), `resource_logs.scope_logs.log_records.flags`)) AS requests,
            arrayMap(r -> length(r), `resource_logs.scope_logs.schema_url`) AS scopes_below,
            arrayFlatten(`resource_logs.scope_logs.scope.name`) AS names,
            arrayFlatten(`resource_logs.scope_logs.scope.version`) AS versions,
            arrayFlatten(`resource_logs.scope_logs.schema_url`) AS scope_urls,
            arrayFlatten(arrayMap(
                r -> arrayMap(s -> length(s), r), `resource_logs.scope_logs.log_records.flags`)) AS records_below,
            arrayFlatten(`resource_logs.scope_logs.log_records.time_unix_nano`) AS times,
            arrayFlatten(`resource_logs.scope_logs.log_records.observed_time_unix_nano`) AS observeds,
            arrayFlatten(`resource_logs.scope_logs.log_records.severity_number`) AS numbers,
            arrayFlatten(`resource_logs.scope_logs.log_records.severity_text`) AS levels,
            arrayMap(v -> wellkept_plain(v), arrayFlatten(`resource_logs.scope_logs.log_records.body`)) AS bodies,
            arrayFlatten(`resource_logs.scope_logs.log_records.flags`) AS flags,
            arrayFlatten(`resource_logs.scope_logs.log_records.trace_id`) AS traces,
            arrayFlatten(`resource_logs.scope_logs.log_records.span_id`) AS spans,
            arrayFlatten(`resource_logs.scope_logs.log_records.event_name`) AS events
        FROM file({body:String}, 'ProtobufSingle', {structure:String})
    )
)
ARRAY JOIN
    owners AS owner, owns AS own, times AS time, observeds AS observed, numbers AS number, levels AS level,
    bodies AS body, flags AS flag, traces AS trace, spans AS span, events AS event
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0, optimize_and_compare_chain = 0

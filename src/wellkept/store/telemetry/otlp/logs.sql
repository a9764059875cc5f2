-- Records of concatenated OTLP logs requests. A record without a time takes its time of observation, or of receipt.
INSERT INTO otel_logs
    (Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl,
    ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, LogAttributes, EventName, Entity)
SELECT
    fromUnixTimestamp64Nano(wellkept_nanos(nanos, {received:UInt64})),
    trace_id, span_id, flags, severity_text, severity_number, resource.3, body, resource.4,
    resource.1, scope.4, scope.1, scope.2, scope.3, attributes, event_name,
    wellkept_within(resource.2, resource.1, attributes)
FROM
(
    SELECT
        if(r.time_unix_nano = 0, r.observed_time_unix_nano, r.time_unix_nano) AS nanos,
        lower(hex(r.trace_id)) AS trace_id,
        lower(hex(r.span_id)) AS span_id,
        toUInt8(bitAnd(r.flags, 255)) AS flags,
        toValidUTF8(r.severity_text) AS severity_text,
        toUInt8(least(greatest(r.severity_number, 0), 24)) AS severity_number,
        toValidUTF8(wellkept_text(r.body)) AS body,
        wellkept_map(wellkept_pairs(r.attributes)) AS attributes,
        toValidUTF8(r.event_name) AS event_name,
        resource, scope
    FROM
    (
        SELECT
            wellkept_spread(counts, resources) AS resource_of,
            wellkept_spread(counts, scopes) AS scope_of,
            arrayFlatten(nested_records) AS records
        FROM
        (
            SELECT
                wellkept_spread(scopes_below, resources) AS resources,
                arrayMap(
                    (x, url) -> (
                        toValidUTF8(x.name), toValidUTF8(x.version), wellkept_map(wellkept_pairs(x.attributes)),
                        toValidUTF8(url)),
                    s.scope, s.schema_url) AS scopes,
                arrayMap(x -> length(x), s.log_records) AS counts,
                s.log_records AS nested_records
            FROM
            (
                SELECT
                    arrayMap(
                        (m, url) -> (
                            m, wellkept_own(m), m['service.name'], toValidUTF8(url)),
                        maps, urls) AS resources,
                    scopes_below, s
                FROM
                (
                    SELECT
                        arrayMap(a -> wellkept_map(wellkept_pairs(a)), resource_logs.resource.attributes) AS maps,
                        resource_logs.schema_url AS urls,
                        arrayMap(x -> length(x), resource_logs.scope_logs) AS scopes_below,
                        arrayFlatten(resource_logs.scope_logs) AS s
                    FROM file({body:String}, 'ProtobufSingle', {structure:String})
                )
            )
        )
    )
    ARRAY JOIN resource_of AS resource, scope_of AS scope, records AS r
)
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0

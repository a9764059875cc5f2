SELECT Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, ServiceEntity, Duration, StatusCode, StatusMessage
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND SpanKind IN ('Server', 'Consumer')
    AND ({entity:String} = '' OR ServiceEntity = {entity:String} OR Entity = {entity:String})
    AND (NOT {errors_only:Bool} OR StatusCode = 'Error')
    AND Duration >= {slower_than:UInt64}
ORDER BY Timestamp DESC, SpanId
LIMIT 1 BY TraceId, SpanId
LIMIT {limit:UInt64}

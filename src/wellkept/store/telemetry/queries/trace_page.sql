-- Traces that hold a span as it is wanted, by when the first such span began, newest first.
SELECT TraceId AS trace_id, toUnixTimestamp64Nano(min(Timestamp)) AS at
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND ({entity:String} = '' OR ServiceEntity = {entity:String} OR Entity = {entity:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({name:String} = '' OR SpanName = {name:String})
    AND Duration >= {shortest:UInt64} AND Duration <= {longest:UInt64}
    AND (NOT {errors:Bool} OR StatusCode = 'Error')
    AND arrayAll(
        (k, v) -> SpanAttributes[k] = v OR (SpanAttributes[k] = '' AND ResourceAttributes[k] = v),
        {keys:Array(String)}, {values:Array(String)})
GROUP BY trace_id
HAVING (at, trace_id) < ({before:Int64}, {before_trace:String})
ORDER BY at DESC, trace_id DESC
LIMIT {limit:UInt64}

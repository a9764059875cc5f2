-- A page of log records, newest first; a record that came twice is one.
SELECT
    Timestamp AS time, SeverityText AS severity, SeverityNumber AS severity_number, Body AS body, Entity AS entity,
    ServiceName AS service, TraceId AS trace_id, SpanId AS span_id, LogAttributes AS attributes,
    ResourceAttributes AS resource_attributes,
    toUnixTimestamp64Nano(Timestamp) AS at, cityHash64(Entity, Body, LogAttributes) AS record
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND ({entity:String} = '' OR Entity = {entity:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND SeverityNumber >= {severity:UInt8}
    AND ({trace_id:String} = '' OR TraceId = {trace_id:String})
    AND arrayAll(word -> positionCaseInsensitiveUTF8(Body, word) > 0, {words:Array(String)})
    AND (at, record) < ({before:Int64}, {before_record:UInt64})
ORDER BY at DESC, record DESC
LIMIT 1 BY at, record
LIMIT {limit:UInt64}

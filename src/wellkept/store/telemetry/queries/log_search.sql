SELECT
    Timestamp, TraceId, SpanId, SeverityText, SeverityNumber, ServiceName, Entity, Body, LogAttributes,
    ResourceAttributes
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND ({entity:String} = '' OR Entity = {entity:String})
    AND ({text:String} = '' OR positionCaseInsensitiveUTF8(Body, {text:String}) > 0)
ORDER BY Timestamp DESC
LIMIT 1 BY Timestamp, Entity, Body, LogAttributes
LIMIT {limit:UInt64}

-- The duration that a hundredth of a version's answers took longer than, in nanoseconds, and how many there were.
SELECT quantile(0.99)(Duration) AS slow, count() AS requests
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
    AND ServiceName = {service:String} AND SpanAttributes['model.name'] = {model:String}
    AND SpanAttributes['model.version'] = {number:String} AND StatusCode != 'Error'

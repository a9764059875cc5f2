-- Requests at which versions of a model were asked, each in its own span of time, by bucket of callers.
SELECT place, bucket, count() AS requests, countIf(StatusCode = 'Error') AS errors, countIf(Duration > {slow:Float64}) AS slow
FROM
(
    SELECT
        indexOf({numbers:Array(String)}, SpanAttributes['model.version']) AS place,
        toUnixTimestamp64Milli(Timestamp) AS at,
        SpanAttributes['bucket'] AS given,
        if(given IN ('', '-1'), cityHash64(SpanId), toUInt64OrZero(given)) % {buckets:UInt64} AS bucket,
        StatusCode,
        Duration
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})
        AND ServiceName = {service:String} AND SpanAttributes['model.name'] = {model:String}
        AND place > 0 AND ({split:UInt8} = 0 OR SpanAttributes['arm'] != '')
        AND at >= {starts:Array(Int64)}[place] AND at < {ends:Array(Int64)}[place]
        AND NOT arrayExists((a, b) -> at >= a AND at < b, {void_starts:Array(Int64)}, {void_ends:Array(Int64)})
    LIMIT 1 BY TraceId, SpanId
)
GROUP BY place, bucket
ORDER BY place, bucket

-- Events of logs that are predictions or labels, by when they were received: about so many, and all of the last moment.
SELECT if(EventName = '', LogAttributes['event.name'], EventName) AS event, Timestamp AS time, Received AS received,
    TraceId AS trace_id, SpanId AS span_id, LogAttributes AS said
FROM otel_logs
WHERE Received > fromUnixTimestamp64Nano({after:Int64}) AND Received <= fromUnixTimestamp64Nano({until:Int64})
    AND (EventName IN ({prediction:String}, {label:String})
        OR (EventName = '' AND LogAttributes['event.name'] IN ({prediction:String}, {label:String})))
ORDER BY Received
LIMIT {limit:UInt32} WITH TIES

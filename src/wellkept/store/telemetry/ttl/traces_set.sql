ALTER TABLE otel_traces MODIFY TTL Timestamp + toIntervalDay({days:UInt32});

ALTER TABLE otel_logs MODIFY TTL Timestamp + toIntervalDay({days:UInt32});

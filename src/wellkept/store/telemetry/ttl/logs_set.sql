ALTER TABLE otel_logs MODIFY TTL Timestamp + toIntervalDay({days:UInt32});
ALTER TABLE log_pattern_counts MODIFY TTL toDateTime(time) + toIntervalDay({days:UInt32});
ALTER TABLE log_pattern_values MODIFY TTL toDateTime(time) + toIntervalDay({days:UInt32});

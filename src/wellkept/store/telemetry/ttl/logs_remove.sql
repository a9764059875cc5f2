ALTER TABLE otel_logs REMOVE TTL;
ALTER TABLE log_pattern_counts REMOVE TTL;
ALTER TABLE log_pattern_values REMOVE TTL;

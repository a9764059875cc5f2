ALTER TABLE metric_minutes REMOVE TTL;

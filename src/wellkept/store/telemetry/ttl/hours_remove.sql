ALTER TABLE metric_hours REMOVE TTL;
ALTER TABLE metric_rollups REMOVE TTL;

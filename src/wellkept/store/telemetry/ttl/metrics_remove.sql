ALTER TABLE metric_points REMOVE TTL;

ALTER TABLE metric_series REMOVE TTL;
ALTER TABLE resources REMOVE TTL;
ALTER TABLE prometheus_series REMOVE TTL;

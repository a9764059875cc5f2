ALTER TABLE metric_points MODIFY TTL time + toIntervalDay({days:UInt32});
ALTER TABLE metric_series MODIFY TTL last_seen + toIntervalDay({days:UInt32});
ALTER TABLE resources MODIFY TTL last_seen + toIntervalDay({days:UInt32});
ALTER TABLE prometheus_series MODIFY TTL toDateTime(last_seen) + toIntervalDay({days:UInt32});

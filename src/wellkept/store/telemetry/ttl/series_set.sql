ALTER TABLE metric_series MODIFY TTL last_seen + toIntervalDay({days:UInt32});
ALTER TABLE resources MODIFY TTL last_seen + toIntervalDay({days:UInt32});
ALTER TABLE prometheus_series MODIFY TTL toDateTime64(last_seen, 3) + toIntervalDay({days:UInt32});

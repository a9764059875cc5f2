ALTER TABLE metric_minutes MODIFY TTL toDateTime64(time, 3) + toIntervalDay({days:UInt32});

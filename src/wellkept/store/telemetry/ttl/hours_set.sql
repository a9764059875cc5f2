ALTER TABLE metric_hours MODIFY TTL toDateTime64(time, 3) + toIntervalDay({days:UInt32});
ALTER TABLE metric_rollups MODIFY TTL toDateTime64(hour, 3) + toIntervalDay({days:UInt32});

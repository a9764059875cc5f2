ALTER TABLE metric_points MODIFY TTL time + toIntervalDay({days:UInt32});

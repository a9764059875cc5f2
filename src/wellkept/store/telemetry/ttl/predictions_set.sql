ALTER TABLE predictions MODIFY TTL time + toIntervalDay({days:UInt32});
ALTER TABLE prediction_ids MODIFY TTL time + toIntervalDay({days:UInt32});
ALTER TABLE labels MODIFY TTL time + toIntervalDay({days:UInt32});
ALTER TABLE prediction_sketches MODIFY TTL slot + toIntervalDay({days:UInt32});

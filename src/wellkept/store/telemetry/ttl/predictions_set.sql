ALTER TABLE predictions MODIFY TTL toDateTime(time) + toIntervalDay({days:UInt32});
ALTER TABLE prediction_ids MODIFY TTL toDateTime(time) + toIntervalDay({days:UInt32});
ALTER TABLE labels MODIFY TTL toDateTime(time) + toIntervalDay({days:UInt32});

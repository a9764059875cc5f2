ALTER TABLE changes MODIFY TTL toDateTime(at) + toIntervalDay({days:UInt32});

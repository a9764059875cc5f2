ALTER TABLE changes MODIFY TTL at + toIntervalDay({days:UInt32});

-- One trace in how many: so that about as many spans as allowed are read. A power of two, so that samples nest.
SELECT toUInt32(exp2(greatest(0, ceil(log2(count() / {limit:UInt64}))))) AS every
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Milli({start:Int64}) AND Timestamp < fromUnixTimestamp64Milli({end:Int64})

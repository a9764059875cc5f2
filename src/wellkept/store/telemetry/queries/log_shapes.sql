-- What is known of shapes, those that were noted last.
SELECT shape, pattern, text, samples, toUnixTimestamp64Milli(first_seen) AS first_seen
FROM log_shapes FINAL
ORDER BY noted_at DESC, shape
LIMIT {limit:UInt32}

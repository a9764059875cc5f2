-- Patterns of log lines. A shape is a line with its values masked; shapes that are one pattern point to the oldest of
-- them. Rows are only added to: a shape keeps its id, and a pattern that turned out to be part of another is still found.
CREATE TABLE IF NOT EXISTS log_shapes
(
    shape UInt64,
    pattern UInt64,
    text String CODEC(ZSTD(1)),
    template String CODEC(ZSTD(1)),
    parameters Array(String),
    samples Array(String) CODEC(ZSTD(1)),
    first_seen DateTime64(3, 'UTC'),
    noted_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY shape;

-- How many lines of a shape came in each step, by who wrote them and how severe they were. All that
-- was received until counted_until is counted.
CREATE TABLE IF NOT EXISTS log_pattern_counts
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    shape UInt64,
    entity LowCardinality(String),
    service LowCardinality(String),
    severity UInt8,
    lines UInt32 CODEC(T64, ZSTD(1)),
    counted_until DateTime64(9, 'UTC') CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), shape, entity, time)
SETTINGS ttl_only_drop_parts = 1;

-- What values parameters had, counted on a sample of a pattern's lines in each step.
CREATE TABLE IF NOT EXISTS log_pattern_values
(
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    pattern UInt64,
    entity LowCardinality(String),
    parameter LowCardinality(String),
    value LowCardinality(String),
    lines UInt32 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), pattern, entity, time)
SETTINGS ttl_only_drop_parts = 1;

-- Lines are counted by when they were received; with this, parts that were counted before are not read again.
ALTER TABLE otel_logs ADD INDEX IF NOT EXISTS received Received TYPE minmax GRANULARITY 1;

-- They are kept as long as logs are: where that was applied before, it is applied anew.
INSERT INTO retention
SELECT 'logs', 4294967295, now64(3) FROM retention WHERE signal = 'logs' AND days < 4294967295 LIMIT 1;

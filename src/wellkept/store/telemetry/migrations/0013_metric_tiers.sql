-- Metrics by the minute and by the hour: what they amount to in each bucket, kept longer than the points themselves.
-- A bucket that is rolled up again (late points, a restart) takes the place of the one before. Ordered by the series:
-- a reader wants few series over a long time. Delta packs values of buckets better than codecs made for floats do.
CREATE TABLE IF NOT EXISTS metric_minutes
(
    series UInt64 CODEC(Delta, ZSTD(1)),
    time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    last Float64 CODEC(Delta(8), ZSTD(1)),
    least Float64 CODEC(Delta(8), ZSTD(1)),
    greatest Float64 CODEC(Delta(8), ZSTD(1)),
    total Float64 CODEC(Delta(8), ZSTD(1)),
    samples UInt32 CODEC(T64, ZSTD(1)),
    rolled_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(rolled_at)
PARTITION BY toYYYYMM(time)
ORDER BY (series, time)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS metric_hours
(
    series UInt64 CODEC(Delta, ZSTD(1)),
    time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    last Float64 CODEC(Delta(8), ZSTD(1)),
    least Float64 CODEC(Delta(8), ZSTD(1)),
    greatest Float64 CODEC(Delta(8), ZSTD(1)),
    total Float64 CODEC(Delta(8), ZSTD(1)),
    samples UInt32 CODEC(T64, ZSTD(1)),
    rolled_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(rolled_at)
PARTITION BY toYYYYMM(time)
ORDER BY (series, time)
SETTINGS ttl_only_drop_parts = 1;

-- Which hours have been rolled up, and which are to be rolled up once more.
CREATE TABLE IF NOT EXISTS metric_rollups (hour DateTime('UTC'), is_due Bool, noted_at DateTime64(3, 'UTC'))
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY hour;

-- What a series is, is kept for as long as the longest of its tiers. Where it went with the points until now, that has
-- to be applied anew: no setting is equal to this number of days.
INSERT INTO retention
SELECT 'series', 4294967295, now64(3) FROM retention WHERE signal = 'metrics' AND days < 4294967295 LIMIT 1;

-- The columns that are no key depend on it, so it does not matter which row's a merge keeps.
-- One row per series; the narrow points refer to it by its hash. Rows of one series
-- are alike but for the times and collapse in merges; a reader that needs one row per series groups by it.
CREATE TABLE IF NOT EXISTS metric_series
(
    series UInt64,
    name LowCardinality(String),
    unit LowCardinality(String),
    kind LowCardinality(String),
    is_monotonic Bool,
    temporality UInt8,
    resource UInt64,
    entity String,
    attributes Map(LowCardinality(String), String),
    resource_attributes Map(LowCardinality(String), String),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY series
SETTINGS allow_dimensions_outside_sorting_key = 1;

-- Ordered by the hour first: a window over all series then reads its own hours and nothing of the rest of the day.
-- A point that a sender repeats has the same key and is collapsed in merges; readers count it once before that too.
CREATE TABLE IF NOT EXISTS metric_points
(
    series UInt64 CODEC(Delta, ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), series, time)
SETTINGS ttl_only_drop_parts = 1;

-- Distinct resources, by signal.
CREATE TABLE IF NOT EXISTS resources
(
    resource UInt64,
    signal LowCardinality(String),
    attributes Map(LowCardinality(String), String),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (resource, signal)
SETTINGS allow_dimensions_outside_sorting_key = 1;

-- Where decoded points arrive. It keeps nothing itself: the views below spread each block.
CREATE TABLE IF NOT EXISTS metric_arrivals (batch UInt64, series UInt64, time DateTime64(3, 'UTC'), value Float64)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_points_from_arrivals TO metric_points AS
SELECT series, time, value FROM metric_arrivals;

-- Series of a batch that metric_series does not know, or has not seen in these ten minutes of the points' own time.
-- The writer looks here after each batch; in memory, and the oldest rows make room.
CREATE TABLE IF NOT EXISTS series_wanted (batch UInt64, series UInt64)
ENGINE = Memory SETTINGS max_rows_to_keep = 2000000, min_rows_to_keep = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS series_wanted_from_arrivals TO series_wanted AS
SELECT DISTINCT batch, series FROM metric_arrivals
WHERE (series, toStartOfTenMinutes(time)) NOT IN (SELECT series, toStartOfTenMinutes(last_seen) FROM metric_series);

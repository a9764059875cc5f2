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

-- Where decoded points arrive. It keeps nothing itself: the views below spread each block over the tables above.
CREATE TABLE IF NOT EXISTS metric_arrivals
(
    series UInt64,
    time DateTime64(3, 'UTC'),
    value Float64,
    name String,
    unit String,
    kind LowCardinality(String),
    is_monotonic Bool,
    temporality UInt8,
    attributes Array(Tuple(String, String)),
    resource UInt64,
    resource_attributes Array(Tuple(String, String))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_points_from_arrivals TO metric_points AS
SELECT series, time, value FROM metric_arrivals;

-- A series is written when it is new, and again once in ten minutes of its own time, to keep last_seen.
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_series_from_arrivals TO metric_series AS
SELECT
    series, name, unit, kind, is_monotonic, temporality, resource,
    wellkept_entity(resource_attributes, attributes) AS entity,
    attributes, resource_attributes, first_seen, last_seen
FROM
(
    SELECT
        a.series AS series,
        any(a.name) AS name,
        any(a.unit) AS unit,
        any(a.kind) AS kind,
        any(a.is_monotonic) AS is_monotonic,
        any(a.temporality) AS temporality,
        any(a.resource) AS resource,
        wellkept_map(any(a.attributes)) AS attributes,
        wellkept_map(any(a.resource_attributes)) AS resource_attributes,
        min(a.time) AS first_seen,
        max(a.time) AS last_seen
    FROM metric_arrivals AS a
    GROUP BY a.series
    HAVING (a.series, toStartOfTenMinutes(max(a.time))) NOT IN
        (SELECT series, toStartOfTenMinutes(last_seen) FROM metric_series)
);

CREATE MATERIALIZED VIEW IF NOT EXISTS resources_from_metrics TO resources AS
SELECT
    a.resource AS resource,
    'metrics' AS signal,
    wellkept_map(any(a.resource_attributes)) AS attributes,
    min(a.time) AS first_seen,
    max(a.time) AS last_seen
FROM metric_arrivals AS a
GROUP BY a.resource
HAVING (a.resource, toStartOfMinute(max(a.time))) NOT IN
    (SELECT resource, toStartOfMinute(last_seen) FROM resources WHERE signal = 'metrics');

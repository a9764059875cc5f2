-- What models said, and what turned out to be true.
CREATE TABLE IF NOT EXISTS predictions
(
    id String CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    model LowCardinality(String),
    version LowCardinality(String),
    entity_key String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    score Float64 CODEC(ZSTD(1)),
    decision LowCardinality(String),
    features Map(LowCardinality(String), Nullable(Float64)) CODEC(ZSTD(1)),
    latency_ms Float64 CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (model, time, id)
SETTINGS ttl_only_drop_parts = 1;

-- By id, so that a label can be checked without looking through the predictions.
CREATE TABLE IF NOT EXISTS prediction_ids (id String, model LowCardinality(String), time DateTime64(3, 'UTC'))
ENGINE = ReplacingMergeTree
ORDER BY id;

CREATE MATERIALIZED VIEW IF NOT EXISTS prediction_ids_from_predictions TO prediction_ids AS
SELECT id, model, time FROM predictions;

CREATE TABLE IF NOT EXISTS labels
(
    prediction_id String CODEC(ZSTD(1)),
    model LowCardinality(String),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (model, prediction_id, time);

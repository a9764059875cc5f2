-- Halves of predictions whose question and answer come as events of their own: already reduced, until they are paired.
CREATE TABLE IF NOT EXISTS inference_parts
(
    key String,
    part LowCardinality(String),
    model LowCardinality(String),
    version LowCardinality(String),
    at DateTime64(3, 'UTC'),
    body String CODEC(ZSTD(1)),
    received DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (key, part);

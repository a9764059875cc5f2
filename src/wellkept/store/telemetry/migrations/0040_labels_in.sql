-- When a label came, which is not when its sender says that the truth became known.
ALTER TABLE labels ADD COLUMN IF NOT EXISTS received DateTime64(3, 'UTC') DEFAULT time CODEC(Delta, ZSTD(1));
ALTER TABLE labels ADD INDEX IF NOT EXISTS by_received received TYPE minmax GRANULARITY 1;

-- Labels of predictions that have not come yet: by the prediction's id, or by what it was about and when.
CREATE TABLE IF NOT EXISTS waiting_labels
(
    prediction_id String CODEC(ZSTD(1)),
    model LowCardinality(String),
    entity_key String CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC'),
    time DateTime64(3, 'UTC'),
    value Float64,
    received DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (prediction_id, model, entity_key, at, time);

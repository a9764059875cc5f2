-- How the values of a column fell into bins in five minutes of predictions, so that watching a model costs by the bin and
-- not by the row. key tells by which edges (or categories); a slice is empty, or a column and a value. All blocks of
-- predictions up to until are counted; what came later makes the count out of date, and a new one takes its place.
CREATE TABLE IF NOT EXISTS prediction_sketches
(
    model LowCardinality(String),
    version LowCardinality(String),
    slice String CODEC(ZSTD(1)),
    slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
    column LowCardinality(String),
    key UInt64 CODEC(ZSTD(1)),
    bins Array(UInt64) CODEC(ZSTD(1)),
    nulls UInt64 CODEC(ZSTD(1)),
    least Float64 CODEC(ZSTD(1)),
    greatest Float64 CODEC(ZSTD(1)),
    tops Array(Float64) CODEC(ZSTD(1)),
    top_rows Array(UInt64) CODEC(ZSTD(1)),
    answered UInt64 CODEC(ZSTD(1)),
    until UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(until)
PARTITION BY toYYYYMM(slot)
ORDER BY (model, version, slice, slot, column, key)
SETTINGS ttl_only_drop_parts = 1;

-- Sketches are kept as long as predictions. That has to be applied to this table, too: no setting is equal to this number
-- of days.
INSERT INTO retention SELECT 'predictions', 4294967295, now64(3) FROM retention
WHERE signal = 'predictions' AND days < 4294967295 LIMIT 1;

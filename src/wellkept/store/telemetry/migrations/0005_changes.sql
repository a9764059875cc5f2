-- What somebody did to the world.
CREATE TABLE IF NOT EXISTS changes
(
    id String,
    entity String,
    kind LowCardinality(String),
    at DateTime64(6, 'UTC'),
    actor String,
    summary String,
    reference String,
    attributes Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree
ORDER BY (at, id);

-- The days that each signal is kept, as it was last applied to the tables.
CREATE TABLE IF NOT EXISTS retention (signal String, days UInt32, applied_at DateTime64(3, 'UTC'))
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY signal;

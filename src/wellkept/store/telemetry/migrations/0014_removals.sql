-- What was removed for want of space: the oldest of what is kept goes first.
CREATE TABLE IF NOT EXISTS removals
(
    at DateTime64(3, 'UTC'),
    name LowCardinality(String),
    start DateTime64(3, 'UTC'),
    until DateTime64(3, 'UTC'),
    bytes UInt64,
    reason String
)
ENGINE = MergeTree
ORDER BY at;

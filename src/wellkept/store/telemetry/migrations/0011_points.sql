-- Points arrive by way of the writer now, which recognises series by itself.
DROP VIEW IF EXISTS series_wanted_from_arrivals;
DROP VIEW IF EXISTS metric_points_from_arrivals;
DROP TABLE IF EXISTS series_wanted;
DROP TABLE IF EXISTS metric_arrivals;

-- What senders of Prometheus tell of their metrics, by the name of the family.
CREATE TABLE IF NOT EXISTS prometheus_metadata
(
    metric String,
    type LowCardinality(String),
    unit LowCardinality(String),
    help String,
    noted_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY metric;

-- Values of counters and of gauges with few decimals differ in few bits of the whole number that they are stored as: this
-- takes 1.5 bytes a sample where Gorilla took 2.5.
ALTER TABLE metric_points MODIFY COLUMN value Float64 CODEC(Delta(8), ZSTD(1));

-- A merge takes in more parts at once: points are merged fewer times, at little more for readers.
ALTER TABLE metric_points MODIFY SETTING merge_selector_base = 10;

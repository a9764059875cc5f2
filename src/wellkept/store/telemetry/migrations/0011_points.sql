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

-- Series by their Prometheus names, so that a selector reads the rows of its metric alone.
-- It follows metric_series, whose rows come again every ten minutes while a series lives.
CREATE TABLE IF NOT EXISTS prometheus_series
(
    series UInt64,
    metric LowCardinality(String),
    labels Map(LowCardinality(String), String),
    type LowCardinality(String),
    unit LowCardinality(String),
    is_delta Bool,
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (metric, series)
SETTINGS allow_dimensions_outside_sorting_key = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS prometheus_series_from_series TO prometheus_series AS
-- include promql/labels.sql
;

INSERT INTO prometheus_series
-- include promql/labels.sql
;

-- The days that metrics are kept have to be applied to this table, too: no setting is equal to this number of days.
INSERT INTO retention SELECT 'metrics', 4294967295, now64(3);

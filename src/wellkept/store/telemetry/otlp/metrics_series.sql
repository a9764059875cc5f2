-- What the series are that a batch brought and that metric_series did not know.
INSERT INTO metric_series
SELECT
    series, name, unit, kind, is_monotonic, temporality, resource,
    wellkept_entity(resource_attributes, attributes) AS entity,
    attributes, resource_attributes, first_seen, last_seen
FROM
(
    SELECT
        series,
        toValidUTF8(concat(any_owner.3, any_suffix)) AS name,
        toValidUTF8(any_owner.4) AS unit,
        multiIf(
            any_owner.5 IN ('gauge', 'sum'), any_owner.5,
            any_suffix = '', 'summary_quantile',
            concat(any_owner.5, any_suffix)) AS kind,
        any_owner.6 AND kind != 'summary_quantile' AS is_monotonic,
        toUInt8(any_owner.7) AS temporality,
        any_owner.1 AS resource,
        wellkept_map(any_attributes) AS attributes,
        wellkept_map(any_owner.2) AS resource_attributes,
        first_seen, last_seen
    FROM
    (
        SELECT
            series,
            any(owner) AS any_owner,
            any(suffix) AS any_suffix,
            any(attributes) AS any_attributes,
            min(time) AS first_seen,
            max(time) AS last_seen
        FROM
        (
-- include otlp/metrics_decoded.sql
        )
        WHERE series IN (SELECT series FROM series_wanted WHERE batch = {batch:UInt64})
        GROUP BY series
    )
)
SETTINGS format_schema = {schema:String}, query_plan_enable_optimizations = 0

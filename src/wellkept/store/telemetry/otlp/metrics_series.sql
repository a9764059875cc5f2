-- What the series are that a batch brought and that metric_series did not know.
INSERT INTO metric_series
SELECT
    series,
    any(concat(owner.3, suffix)) AS name,
    any(owner.4) AS unit,
    any(multiIf(owner.5 IN ('gauge', 'sum'), owner.5, suffix = '', 'summary_quantile', concat(owner.5, suffix))) AS kind,
    any(owner.6 AND NOT (owner.5 = 'summary' AND suffix = '')) AS is_monotonic,
    any(owner.7) AS temporality,
    any(owner.1) AS resource,
    wellkept_entity(wellkept_map(any(owner.2)), wellkept_map(any(d.attributes))) AS entity,
    wellkept_map(any(d.attributes)) AS attributes,
    wellkept_map(any(owner.2)) AS resource_attributes,
    min(d.time) AS first_seen,
    max(d.time) AS last_seen
FROM
(
-- include otlp/metrics_decoded.sql
) AS d
WHERE series IN (SELECT series FROM series_wanted WHERE batch = {batch:UInt64})
GROUP BY series
SETTINGS format_schema = {schema:String}

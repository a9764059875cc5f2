-- What the series are that a window holds. Their ids come as a file: many of them as a list take a minute to be read.
SELECT
    series,
    any(name) AS name,
    any(unit) AS unit,
    any(kind) AS kind,
    any(is_monotonic) AS is_monotonic,
    any(temporality) AS temporality,
    any(entity) AS entity,
    any(attributes) AS attributes,
    any(resource) AS resource,
    any(resource_attributes) AS resource_attributes
FROM metric_series
WHERE series IN (SELECT series FROM file({body:String}, 'RowBinary', 'series UInt64'))
GROUP BY series

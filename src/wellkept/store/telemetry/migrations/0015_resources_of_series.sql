-- What came from Prometheus names its resource by labels of its series, and in no other place.
CREATE MATERIALIZED VIEW IF NOT EXISTS resources_from_series TO resources AS
SELECT
    resource, 'metrics' AS signal, any(resource_attributes) AS attributes,
    min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM metric_series
WHERE startsWith(kind, 'prometheus_') AND notEmpty(resource_attributes)
GROUP BY resource;

-- The points of one family of metrics, each with the metric that owns it: (owner_hash, owner, p).
-- The nesting is taken off array by array and without copying, only the innermost points become rows. Every level
-- names its columns once: the time to analyse a statement grows with what an alias stands for.
SELECT owner_hash, owner, p
FROM
(
    SELECT
        wellkept_spread(counts, hashes) AS owner_hashes,
        wellkept_spread(counts, metrics) AS owners,
        arrayFlatten(nested_points) AS points
    FROM
    (
        SELECT
            nested_points,
            arrayMap(d -> length(d), nested_points) AS counts,
            arrayMap((r, n, u) -> cityHash64(r.1, n, u), resources, names, units) AS hashes,
            arrayMap(
                (r, n, u, is_monotonic, temporality) -> (r.1, r.2, n, u, '$kind', is_monotonic, temporality),
                resources, names, units, monotonics, temporalities) AS metrics
        FROM
        (
            SELECT
                wellkept_spread(metrics_below, resources) AS resources,
                m.name AS names,
                m.unit AS units,
                m.$family.data_points AS nested_points,
                $monotonics AS monotonics,
                $temporalities AS temporalities
            FROM
            (
                SELECT arrayMap(pairs -> (cityHash64(pairs), pairs), resource_pairs) AS resources, metrics_below, m
                FROM
                (
                    SELECT
                        arrayMap(a -> wellkept_pairs(a), resource_metrics.resource.attributes) AS resource_pairs,
                        arrayMap(
                            scopes -> arraySum(x -> length(x), scopes),
                            resource_metrics.scope_metrics.metrics) AS metrics_below,
                        arrayFlatten(resource_metrics.scope_metrics.metrics) AS m
                    FROM file({body:String}, 'ProtobufSingle', {$family:String})
                )
            )
        )
    )
)
ARRAY JOIN owner_hashes AS owner_hash, owners AS owner, points AS p

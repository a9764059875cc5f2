-- The points of one family of metrics, each with the metric that owns it: (owner_hash, owner, p).
-- What makes a series one: resource, scope, name, unit, kind, temporality, and the point's attributes. A sender that
-- changes one of them begins another series, so that what a series is never changes.
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
            arrayMap(
                (r, n, u, is_monotonic, temporality) -> cityHash64(r.1, r.2, n, u, '$kind', is_monotonic, temporality),
                resources, names, units, monotonics, temporalities) AS hashes,
            arrayMap(
                (r, n, u, is_monotonic, temporality) -> (r.1, r.3, n, u, '$kind', is_monotonic, temporality),
                resources, names, units, monotonics, temporalities) AS metrics
        FROM
        (
            SELECT
                wellkept_spread(metrics_below, arrayMap((r, scope) -> (r.1, scope, r.2), above, s.scope.name)) AS resources,
                m.name AS names,
                m.unit AS units,
                m.$family.data_points AS nested_points,
                $monotonics AS monotonics,
                $temporalities AS temporalities
            FROM
            (
                SELECT
                    wellkept_spread(scopes_below, arrayMap(pairs -> (cityHash64(pairs), pairs), resource_pairs)) AS above,
                    arrayMap(x -> length(x), s.metrics) AS metrics_below,
                    arrayFlatten(s.metrics) AS m,
                    s
                FROM
                (
                    SELECT
                        arrayMap(a -> wellkept_pairs(a), resource_metrics.resource.attributes) AS resource_pairs,
                        arrayMap(x -> length(x), resource_metrics.scope_metrics) AS scopes_below,
                        arrayFlatten(resource_metrics.scope_metrics) AS s
                    FROM file({body:String}, 'ProtobufSingle', {$family:String})
                )
            )
        )
    )
)
ARRAY JOIN owner_hashes AS owner_hash, owners AS owner, points AS p

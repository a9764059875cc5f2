-- What the series of some points of one family are. A point is named by its place among those of the family, which is
-- the same here as in otlp/points: both statements decode the same bytes on one thread. What was renamed in the semantic
-- conventions gets its present name here, once a series. What a collector was told by a kube-state-metrics that it
-- scrapes is about what its labels name, as it is where it is told by remote write.
SELECT
    position,
    wellkept_series(name, cityHash64(resource, scope, name, unit, kind, is_monotonic, temporality, pairs)) AS series,
    name, unit, kind, is_monotonic, temporality, resource,
    wellkept_entity(if(empty(kubernetes), resource_attributes, wellkept_map(kubernetes)), attributes) AS entity,
    attributes, resource_attributes
FROM
(
    SELECT
        position,
        concat(wellkept_present_name(toValidUTF8(owner_name)), suffix) AS name,
        toValidUTF8(owner_unit) AS unit,
        multiIf(
            base_kind IN ('gauge', 'sum'), base_kind, suffix = '', 'summary_quantile', concat(base_kind, suffix)) AS kind,
        toBool(rises AND kind != 'summary_quantile') AS is_monotonic,
        toUInt8(told_temporality) AS temporality,
        cityHash64(holder) AS resource,
        scope,
        pairs,
        wellkept_present_attributes(name, wellkept_map(pairs)) AS attributes,
        wellkept_present_resource(wellkept_map(holder)) AS resource_attributes,
        wellkept_kubernetes(name, attributes) AS kubernetes
    FROM
    (
        SELECT
            position, resource AS holder, scope, name AS owner_name, unit AS owner_unit, base_kind, suffix,
            is_monotonic AS rises, temporality AS told_temporality,
            arraySort(arrayConcat(wellkept_pairs(p.attributes), told)) AS pairs
        FROM
        (
            SELECT rowNumberInAllBlocks() AS position, *
            FROM
            (
-- family
            )
        )
        WHERE position IN {positions:Array(UInt64)}
    )
)
ORDER BY position

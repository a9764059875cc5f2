-- What series are, from their labels. Kinds begin with "prometheus_", so that PromQL knows their names for Prometheus's
-- own. Who names no type is a counter where the name ends like one. Job and instance make the service, but for what
-- wellkept_scraped knows better; what a node exporter tells is about its host, and what kube-state-metrics, cAdvisor and the kubelet tell is about what their labels
-- name (wellkept_kubernetes). The state of alerts is what rules say of somebody, and no word of theirs: a service
-- that is silent would not be missed while an alert about it lasts, and one that nobody runs would be there.
SELECT
    wellkept_series(name, cityHash64('prometheus', pairs)) AS series,
    name, unit,
    concat('prometheus_', if(told != 'unknown', told, multiIf(
        endsWith(name, '_total'), 'counter', endsWith(name, '_bucket') AND mapContains(attributes, 'le'), 'histogram',
        'unknown'))) AS kind,
    told = 'counter' OR (told IN ('histogram', 'summary', 'unknown') AND match(name, '_(total|count|sum|bucket)$'))
        AS is_monotonic,
    toUInt8(if(is_monotonic, 2, 0)) AS temporality,
    cityHash64(arraySort(holder)) AS resource,
    if(is_of_rules, '', wellkept_entity(resource_attributes, attributes)) AS entity,
    attributes, resource_attributes, help,
    multiIf(
        name = '', 'has no name (label __name__)',
        has(names, ''), 'has a label without a name',
        length(arrayDistinct(arrayMap(p -> p.1, pairs))) != length(pairs), 'has a label twice',
        '') AS problem
FROM
(
    SELECT
        *,
        arrayFirst(p -> p.1 = '__name__', pairs).2 AS name,
        name IN ('ALERTS', 'ALERTS_FOR_STATE') AS is_of_rules,
        wellkept_map(arrayFilter(p -> p.1 != '__name__', pairs)) AS attributes,
        wellkept_prometheus_type(type) AS told,
        wellkept_kubernetes(name, attributes) AS kubernetes,
        wellkept_scraped(name, attributes) AS scraped,
        wellkept_first([wellkept_node(attributes['node']), replaceRegexpOne(attributes['instance'], ':[0-9]+$', '')]) AS host,
        arrayFilter(p -> p.2 != '' AND NOT is_of_rules, multiIf(
            notEmpty(kubernetes), kubernetes,
            startsWith(name, 'node_') AND host != '', [('host.name', host)],
            [
                ('service.name', scraped.1), ('service.namespace', scraped.2),
                ('service.instance.id', attributes['instance'])
            ])) AS holder,
        wellkept_map(holder) AS resource_attributes
    FROM
    (
        SELECT
            place, names, type, unit, help,
            arraySort(arrayFilter(
                p -> p.2 != '', arrayMap((n, t) -> (toValidUTF8(n), toValidUTF8(t)), names, texts))) AS pairs
        FROM file({body:String}, 'ArrowStream',
            'place UInt64, names Array(String), texts Array(String), type Int32, unit String, help String')
    )
)
ORDER BY place

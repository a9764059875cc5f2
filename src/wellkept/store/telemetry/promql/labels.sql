-- What a stored series is called in Prometheus: its metric and its labels.
--
-- A series of OpenTelemetry is named as OpenTelemetry's and Prometheus's own translation names it: what is not a letter
-- or a digit becomes one underscore, the unit is appended in words, "_ratio" to a gauge of unit 1, "_total" to a
-- monotonic sum. Attributes become labels, job and instance come from the service, and of the resource those attributes
-- are kept that tell one reporter from another. A series of any other kind (counter, unknown, prometheus_gauge, ...) came
-- from Prometheus, and is what it was.
--
-- The view of migration 0010 holds this text as it was when the view was made: a change here needs a migration that
-- makes the view, and the table's rows, anew.
SELECT
    series,
    if(is_foreign, name, concat(if(match(joined, '^[0-9]'), '_', ''), joined, suffix)) AS metric,
    if(is_foreign,
        attributes,
        -- Two attributes that become the same label are both kept in it, as Prometheus does it.
        CAST(arrayMap(
            k -> (k, arrayStringConcat(arrayFilter((v, own) -> own = k, label_values, label_names), ';')),
            arraySort(arrayDistinct(label_names))), 'Map(LowCardinality(String), String)')) AS labels,
    multiIf(
        is_foreign AND foreign_type IN ('counter', 'gauge', 'histogram', 'summary'), foreign_type,
        is_foreign, 'unknown',
        startsWith(kind, 'histogram'), 'histogram',
        startsWith(kind, 'summary'), 'summary',
        kind = 'sum' AND is_monotonic, 'counter',
        'gauge') AS type,
    unit,
    temporality = 1 AND kind != 'gauge' AS is_delta,
    first_seen,
    last_seen
FROM
(
    SELECT
        *,
        arrayStringConcat(
            multiIf(
                kind = 'sum' AND is_monotonic, arrayPushBack(arrayFilter(t -> t != 'total', worded), 'total'),
                kind = 'gauge' AND unit = '1', arrayPushBack(arrayFilter(t -> t != 'ratio', worded), 'ratio'),
                worded),
            '_') AS joined,
        arrayMap(p -> if(match(p.1, '^[0-9]'), concat('key_', p.1), p.1), pairs) AS label_names,
        arrayMap(p -> p.2, pairs) AS label_values
    FROM
    (
        SELECT
            *,
            arrayConcat(
                tokens,
                if(main_unit = '' OR has(tokens, main_unit), [], [main_unit]),
                if(per_unit = '' OR has(tokens, per_unit), [], ['per', per_unit])) AS worded,
            arrayFilter(p -> p.2 != '', arrayConcat(
                arrayFilter(p -> p.1 NOT IN ('job', 'instance') OR own_job = '', own_labels),
                arrayFilter(
                    p -> p.1 != '' AND NOT has(arrayMap(own -> own.1, own_labels), p.1),
                    arrayMap(
                        (k, v) -> (transform(
                            toString(k),
                            ['host.name', 'process.pid', 'process.executable.name', 'container.name', 'service.version',
                             'deployment.environment', 'deployment.environment.name', 'cloud.availability_zone',
                             'cloud.region', 'k8s.cluster.name', 'k8s.container.name', 'k8s.cronjob.name',
                             'k8s.daemonset.name', 'k8s.deployment.name', 'k8s.job.name', 'k8s.namespace.name',
                             'k8s.node.name', 'k8s.pod.name', 'k8s.replicaset.name', 'k8s.statefulset.name'],
                            ['host_name', 'process_pid', 'process_executable_name', 'container_name', 'service_version',
                             'deployment_environment', 'deployment_environment_name', 'cloud_availability_zone',
                             'cloud_region', 'k8s_cluster_name', 'k8s_container_name', 'k8s_cronjob_name',
                             'k8s_daemonset_name', 'k8s_deployment_name', 'k8s_job_name', 'k8s_namespace_name',
                             'k8s_node_name', 'k8s_pod_name', 'k8s_replicaset_name', 'k8s_statefulset_name'],
                            ''), v),
                        mapKeys(resource_attributes), mapValues(resource_attributes))),
                [('job', own_job), ('instance', if(own_job = '', '', resource_attributes['service.instance.id']))]
            )) AS pairs
        FROM
        (
            SELECT
                *,
                kind NOT IN (
                    'gauge', 'sum', 'histogram_bucket', 'histogram_count', 'histogram_sum', 'summary_quantile',
                    'summary_count', 'summary_sum') AS is_foreign,
                replaceRegexpOne(toString(kind), '^prometheus_', '') AS foreign_type,
                multiIf(
                    kind = 'histogram_bucket', '_bucket', endsWith(kind, '_count'), '_count',
                    endsWith(kind, '_sum'), '_sum', '') AS suffix,
                extractAll(substring(name, 1, length(name) - length(suffix)), '[a-zA-Z0-9:]+') AS tokens,
                trimBoth(splitByChar('/', toString(unit))[1]) AS main_given,
                trimBoth(splitByChar('/', toString(unit))[2]) AS per_given,
                if(match(main_given, '[{}]'), '', trim(BOTH '_' FROM replaceRegexpAll(transform(
                    main_given,
                    ['1', '%', 'd', 'h', 'min', 's', 'ms', 'us', 'ns', 'By', 'KiBy', 'MiBy', 'GiBy', 'TiBy', 'KBy', 'MBy',
                     'GBy', 'TBy', 'm', 'V', 'A', 'J', 'W', 'g', 'Cel', 'Hz'],
                    ['', 'percent', 'days', 'hours', 'minutes', 'seconds', 'milliseconds', 'microseconds', 'nanoseconds',
                     'bytes', 'kibibytes', 'mebibytes', 'gibibytes', 'tibibytes', 'kilobytes', 'megabytes', 'gigabytes',
                     'terabytes', 'meters', 'volts', 'amperes', 'joules', 'watts', 'grams', 'celsius', 'hertz'],
                    main_given), '[^a-zA-Z0-9]+', '_'))) AS main_unit,
                if(match(per_given, '[{}]'), '', trim(BOTH '_' FROM replaceRegexpAll(transform(
                    per_given,
                    ['s', 'm', 'h', 'd', 'w', 'mo', 'y'],
                    ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'],
                    per_given), '[^a-zA-Z0-9]+', '_'))) AS per_unit,
                arrayMap(
                    (k, v) -> (replaceRegexpAll(toString(k), '[^a-zA-Z0-9]+', '_'), v),
                    mapKeys(attributes), mapValues(attributes)) AS own_labels,
                if(
                    resource_attributes['service.name'] = '', '',
                    concat(
                        resource_attributes['service.namespace'],
                        if(resource_attributes['service.namespace'] = '', '', '/'),
                        resource_attributes['service.name'])) AS own_job
            FROM metric_series
        )
    )
)

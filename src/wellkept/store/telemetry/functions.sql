-- Functions that the statements share. They are created anew at every opening, so they always match this version.

-- The id of the entity that a series, a log record or a span is about: exactly the rule of kernel/entity.py's
-- entity_of, which a test holds to this one. A map gives '' for a key that it does not have.
CREATE OR REPLACE FUNCTION wellkept_host AS (r) -> if(r['host.id'] != '', r['host.id'], r['host.name']);

CREATE OR REPLACE FUNCTION wellkept_mount AS (a) ->
    if(a['system.filesystem.mountpoint'] != '', a['system.filesystem.mountpoint'], a['mountpoint']);

CREATE OR REPLACE FUNCTION wellkept_model AS (r, a) ->
    if(a['wellkept.model.name'] != '', a['wellkept.model.name'], r['wellkept.model.name']);

-- The id of a service entity, '' where the resource names no service.
CREATE OR REPLACE FUNCTION wellkept_service AS (r) -> if(
    r['service.name'] = '' OR startsWith(r['service.name'], 'unknown_service'),
    '',
    concat('service:', r['service.namespace'], if(r['service.namespace'] = '', '', '/'), r['service.name']));

-- The id of what of Kubernetes a resource is about, by its path; '' where the resource names none.
CREATE OR REPLACE FUNCTION wellkept_container AS (r) -> concat(
    'container:',
    arrayStringConcat(arrayFilter(part -> part != '', [
        r['k8s.namespace.name'],
        arrayFirst(name -> name != '', [
            r['k8s.persistentvolumeclaim.name'], r['k8s.pod.name'], r['k8s.resourcequota.name'], r['k8s.deployment.name'],
            r['k8s.statefulset.name'], r['k8s.daemonset.name'], r['k8s.replicaset.name'], r['k8s.cronjob.name'],
            replaceRegexpOne(r['k8s.job.name'], '-[0-9]{8,10}$', ''), r['k8s.hpa.name'],
            r['k8s.persistentvolume.name']]),
        if(r['k8s.pod.name'] = '' OR r['k8s.persistentvolumeclaim.name'] != '', '', r['k8s.container.name'])]), '/'));

-- What a resource is by itself.
CREATE OR REPLACE FUNCTION wellkept_own AS (r) -> multiIf(
    r['wellkept.model.name'] != '', concat('model:', r['wellkept.model.name']),
    wellkept_service(r) != '', wellkept_service(r),
    r['process.pid'] != '' AND wellkept_host(r) != '', concat('process:', wellkept_host(r), ':', r['process.pid']),
    wellkept_host(r) != '', concat('host:', wellkept_host(r)),
    wellkept_container(r) != 'container:', wellkept_container(r),
    r['k8s.node.name'] != '', concat('host:', r['k8s.node.name']),
    '');

-- What attributes make of it. ``own`` is wellkept_own(r), which is worked out once for each resource.
CREATE OR REPLACE FUNCTION wellkept_within AS (own, r, a) -> multiIf(
    wellkept_mount(a) != '' AND wellkept_host(r) != '', concat('disk:', wellkept_host(r), ':', wellkept_mount(a)),
    wellkept_model(r, a) != '' AND a['wellkept.feature.name'] != '',
        concat('feature:', wellkept_model(r, a), '/', a['wellkept.feature.name']),
    a['wellkept.model.name'] != '', concat('model:', a['wellkept.model.name']),
    own);

CREATE OR REPLACE FUNCTION wellkept_entity AS (r, a) -> wellkept_within(wellkept_own(r), r, a);

-- The scalar kinds of an OTLP AnyValue as text; what is none of them (nothing set) is the empty text.
CREATE OR REPLACE FUNCTION wellkept_scalar AS (v) -> coalesce(
    v.string_value, toString(v.int_value), toString(v.bool_value), toString(v.double_value),
    lower(hex(v.bytes_value)), '');

-- A scalar inside a list, as JSON; JSON has no word for what is not finite. A value inside a value ends the statement:
-- the writer then flattens the request (otlp/nested.py) and comes again.
CREATE OR REPLACE FUNCTION wellkept_item AS (v) -> coalesce(
    toJSONString(v.string_value), toString(v.int_value), toJSONString(v.double_value), toString(v.bool_value),
    concat('"', lower(hex(v.bytes_value)), '"'),
    if(throwIf(isNotNull(coalesce(v.array_value, v.kvlist_value))), '', 'null'));

-- An OTLP AnyValue as text: scalars as they are, a list as JSON.
CREATE OR REPLACE FUNCTION wellkept_text AS (v) -> multiIf(
    throwIf(isNotNull(v.kvlist_value)), '',
    notEmpty(v.array_value.values),
    concat('[', arrayStringConcat(arrayMap(x -> wellkept_item(x), v.array_value.values), ','), ']'),
    wellkept_scalar(v));

-- The same of the body of a log record: lists are rare there, and are flattened like maps.
CREATE OR REPLACE FUNCTION wellkept_plain AS (v) ->
    if(throwIf(isNotNull(v.kvlist_value) OR notEmpty(v.array_value.values)), '', wellkept_scalar(v));

-- OTLP attributes as (key, text) pairs in the order of their keys, so that equal sets are equal arrays.
CREATE OR REPLACE FUNCTION wellkept_pairs AS (attributes) ->
    arraySort(arrayMap(x -> (toValidUTF8(x.key), toValidUTF8(wellkept_text(x.value))), attributes));

CREATE OR REPLACE FUNCTION wellkept_map AS (pairs) -> CAST(pairs, 'Map(LowCardinality(String), String)');

-- An OTLP time in nanoseconds; 0 means that the sender did not say, and then it is the time of receipt.
CREATE OR REPLACE FUNCTION wellkept_nanos AS (nanos, received) ->
    toInt64(least(if(nanos = 0, received, nanos), 9200000000000000000));

-- Each value as often as its count says, in order.
CREATE OR REPLACE FUNCTION wellkept_spread AS (counts, values) ->
    arrayFlatten(arrayMap((n, v) -> arrayWithConstant(n, v), counts, values));

-- For each outermost message of concatenated requests the request that it is of, and how many rows that one has.
-- ``firsts`` and ``counts`` are the places of the messages of each request; ``rows``: the rows below each message.
CREATE OR REPLACE FUNCTION wellkept_requests AS (requests, firsts, counts, rows) -> wellkept_spread(
    counts, arrayZip(requests, arrayReduceInRanges('sum', arrayZip(firsts, counts), rows)));

-- The id of a series: 16 bits of its name, then 48 of all that tells it from others. So the series of one metric lie
-- side by side in the points, and a query of one metric reads little else.
CREATE OR REPLACE FUNCTION wellkept_series AS (name, hash) ->
    bitOr(bitAnd(cityHash64(name), 0xFFFF000000000000), bitShiftRight(hash, 16));

-- What a point with buckets or quantiles is taken apart into, as (kind, bound, value): 1 its count, 2 its sum, 3 a
-- bucket with the upper bound `le` and the count of everything up to it, 4 a quantile.
CREATE OR REPLACE FUNCTION wellkept_buckets AS (bounds, counts) -> arrayMap(
    (bound, n) -> (toUInt8(3), bound, toFloat64(n)),
    arraySlice(bounds, 1, least(length(bounds), length(counts))),
    arrayCumSum(arraySlice(counts, 1, least(length(bounds), length(counts)))));

CREATE OR REPLACE FUNCTION wellkept_totals AS (count, sum) -> arrayConcat(
    [(toUInt8(1), toFloat64(0), toFloat64(count))],
    if(isNull(sum), [], [(toUInt8(2), toFloat64(0), assumeNotNull(sum))]));

CREATE OR REPLACE FUNCTION wellkept_parts_of_histogram AS (p) -> arrayConcat(
    wellkept_totals(p.count, p.sum),
    wellkept_buckets(arrayPushBack(p.explicit_bounds, inf), p.bucket_counts));

-- Bucket i of an exponential histogram ends at base^(offset + i + 1), where base is 2^(2^-scale). Negative values come
-- first and from the far end, then those about zero.
CREATE OR REPLACE FUNCTION wellkept_parts_of_exponential_histogram AS (p) -> arrayConcat(
    wellkept_totals(p.count, p.sum),
    wellkept_buckets(
        arrayConcat(
            arrayMap(
                i -> -exp2((p.negative.offset + i - 1) / exp2(p.scale)),
                arrayReverse(arrayEnumerate(p.negative.bucket_counts))),
            [p.zero_threshold],
            arrayMap(
                i -> exp2((p.positive.offset + i) / exp2(p.scale)), arrayEnumerate(p.positive.bucket_counts)),
            [inf]),
        arrayConcat(
            arrayReverse(p.negative.bucket_counts), [p.zero_count], p.positive.bucket_counts, [toUInt64(0)])));

CREATE OR REPLACE FUNCTION wellkept_parts_of_summary AS (p) -> arrayConcat(
    wellkept_totals(p.count, toNullable(p.sum)),
    arrayMap(q -> (toUInt8(4), q.quantile, q.value), p.quantile_values));

-- Whether a series is one bucket of a histogram, or one quantile of a summary: it means something beside the others alone.
CREATE OR REPLACE FUNCTION wellkept_is_part AS (kind, name) ->
    kind IN ('histogram_bucket', 'summary_quantile')
    OR (kind IN ('prometheus_histogram', 'prometheus_gaugehistogram') AND endsWith(name, '_bucket'))
    OR (kind = 'prometheus_summary' AND NOT match(name, '_(count|sum)$'));

-- The type of a metric in words, as the numbers of remote write (1.0 and 2.0) mean it.
CREATE OR REPLACE FUNCTION wellkept_prometheus_type AS (type) ->
    ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'][
        if(type BETWEEN 0 AND 7, type, 8) + 1];

-- The points of a gauge or a sum; of a metric of another kind, one at the end of time that is no point, with the kind in
-- its flags.
CREATE OR REPLACE FUNCTION wellkept_numbers AS (m) -> arrayConcat(
    m.gauge.data_points,
    m.sum.data_points,
    if(
        empty(m.histogram) AND empty(m.exponential_histogram) AND empty(m.summary),
        [],
        [CAST(
            (18446744073709551615, NULL, NULL, [],
                multiIf(notEmpty(m.histogram), 2, notEmpty(m.exponential_histogram), 4, 8)),
            'Tuple(time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64), attributes Array(String),
            flags UInt32)')]));

-- A label of a page, which a scrape that does not honor it calls exported_...: its own of that name is then about who
-- was asked.
CREATE OR REPLACE FUNCTION wellkept_label AS (a, name) ->
    if(a[concat('exported_', name)] != '', a[concat('exported_', name)], a[name]);

-- What of Kubernetes a series of kube-state-metrics, cAdvisor or the kubelet is about, as attributes of a resource; none
-- where it is about nothing of it. The word after kube_ says what kind of thing it is, and so which of its labels names
-- it: the label pod of kube_deployment_... is the pod that was asked.
CREATE OR REPLACE FUNCTION wellkept_kubernetes_kind AS (name) -> multiIf(
    match(name, '^container_(blkio|cpu|file|fs|last|memory|network|oom|pressure|processes|sockets|spec|start|tasks|threads)'),
    'container',
    match(name, '^kube_pod_(init_)?container_'), 'container',
    startsWith(name, 'kubelet_volume_stats_'), 'persistentvolumeclaim',
    extract(name, '^kube_([a-z]+)'));

CREATE OR REPLACE FUNCTION wellkept_kubernetes AS (name, a) -> multiIf(
    wellkept_kubernetes_kind(name) = 'node',
    [('k8s.node.name', wellkept_label(a, 'node'))],
    wellkept_kubernetes_kind(name) = 'persistentvolume',
    [('k8s.persistentvolume.name', wellkept_label(a, 'persistentvolume'))],
    wellkept_kubernetes_kind(name) IN ('container', 'pod') AND wellkept_label(a, 'pod') != '',
    [
        ('k8s.namespace.name', wellkept_label(a, 'namespace')),
        ('k8s.pod.name', wellkept_label(a, 'pod')),
        ('k8s.container.name', if(wellkept_kubernetes_kind(name) = 'pod', '', wellkept_label(a, 'container'))),
        ('k8s.node.name', if(name = 'kube_pod_info', wellkept_label(a, 'node'), ''))
    ],
    wellkept_kubernetes_kind(name) IN (
        'cronjob', 'daemonset', 'deployment', 'horizontalpodautoscaler', 'job', 'persistentvolumeclaim', 'replicaset',
        'resourcequota', 'statefulset'),
    [
        ('k8s.namespace.name', wellkept_label(a, 'namespace')),
        (
            concat('k8s.', replaceOne(wellkept_kubernetes_kind(name), 'horizontalpodautoscaler', 'hpa'), '.name'),
            wellkept_label(a, if(wellkept_kubernetes_kind(name) = 'job', 'job_name', wellkept_kubernetes_kind(name)))
        )
    ],
    []);

-- The first of some words that says something; a mesh says 'unknown' where it knows nothing.
CREATE OR REPLACE FUNCTION wellkept_first AS (words) -> arrayFirst(word -> word NOT IN ('', 'unknown'), words);

-- A node that a label names: where it is a number, it is a part of the memory of one (node_memory_numa_MemFree).
CREATE OR REPLACE FUNCTION wellkept_node AS (node) -> if(match(node, '^[0-9]+$'), '', node);

-- Whom requests asked that a mesh counts; '' of other series.
CREATE OR REPLACE FUNCTION wellkept_asked AS (name, a) -> if(startsWith(name, 'istio_'), wellkept_first([
    a['destination_canonical_service'], a['destination_service_name'], a['destination_workload']]), '');

-- The name and the namespace of the service that a series of Prometheus is about. What a mesh counts is about whom it
-- asked. A scrape job of the usual configurations for Kubernetes asks every pod or service that wants to be asked, so it
-- is no name: their labels are, the surest first, and what made the pod.
CREATE OR REPLACE FUNCTION wellkept_scraped AS (name, a) -> multiIf(
    wellkept_asked(name, a) != '',
    (
        wellkept_asked(name, a),
        wellkept_first([a['destination_service_namespace'], a['destination_workload_namespace']])
    ),
    match(a['job'], '^kubernetes-(pods|endpoints|services|service-endpoints)'),
    (
        wellkept_first([
            a['app_kubernetes_io_name'], a['app'], a['k8s_app'], a['service'], a['kubernetes_name'],
            replaceRegexpOne(
                wellkept_first([a['pod'], a['kubernetes_pod_name']]),
                '(-[0-9a-f]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|-[bcdfghjklmnpqrstvwxz2456789]{5}|-[0-9]+)$', ''),
            a['job']]),
        wellkept_first([a['namespace'], a['kubernetes_namespace']])
    ),
    (
        splitByChar('/', a['job'], 2)[-1],
        if(position(a['job'], '/') = 0, '', splitByChar('/', a['job'], 2)[1])
    ));

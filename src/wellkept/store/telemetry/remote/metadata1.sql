-- What remote write 1.0 requests tell of metrics.
INSERT INTO prometheus_metadata
SELECT
    toValidUTF8(m.metric_family_name) AS metric,
    wellkept_prometheus_type(m.type) AS type,
    toValidUTF8(m.unit) AS unit,
    toValidUTF8(m.help) AS help,
    fromUnixTimestamp64Nano({received:Int64}) AS noted_at
FROM
(
    SELECT arrayJoin(arrayFlatten(requests.metadata)) AS m
    FROM file({body:String}, 'ProtobufSingle', {structure:String})
)
WHERE metric != ''
SETTINGS format_schema = {schema:String}

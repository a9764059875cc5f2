-- Series were seen until these times; what they are is copied from what is known of them.
INSERT INTO metric_series
SELECT
    series, name, unit, kind, is_monotonic, temporality, resource, entity, attributes, resource_attributes,
    seen.time AS first_seen, seen.time AS last_seen
FROM (SELECT * FROM metric_series WHERE series IN
    (SELECT series FROM file({body:String}, 'Native', 'series UInt64, time DateTime64(3, ''UTC''), value Float64'))
    LIMIT 1 BY series) AS known
INNER JOIN file({body:String}, 'Native', 'series UInt64, time DateTime64(3, ''UTC''), value Float64') AS seen
USING series

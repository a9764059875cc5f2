-- Requests, and whether all of their rows are stored. One that was stored in part, and then again, counts by itself each
-- time.
SELECT request, max(received) AS moment, max(has_all) AS is_whole
FROM
(
    SELECT
        Request AS request, toUnixTimestamp64Nano(Received) AS received, count() = any(RequestRows) AS has_all
    FROM {table:Identifier}
    WHERE Request != 0 AND Received >= fromUnixTimestamp64Nano({since:Int64}) AND _part IN (
        SELECT name FROM system.parts
        WHERE database = currentDatabase() AND table = {name:String} AND active
            AND modification_time >= now() - toIntervalSecond({window:Float64}))
    GROUP BY Request, Received
)
GROUP BY request
ORDER BY moment DESC
LIMIT {limit:UInt64}

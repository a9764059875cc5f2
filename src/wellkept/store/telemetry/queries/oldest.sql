-- When the oldest of what windows are read from was. No row is read: the engine knows these two of each part of a table.
SELECT sum(rows) AS n, toUnixTimestamp64Milli(min(oldest)) AS first
FROM
(
    SELECT count() AS rows, toDateTime64(min(time), 3, 'UTC') AS oldest FROM metric_points
    UNION ALL
    SELECT count() AS rows, toDateTime64(min(Timestamp), 3, 'UTC') AS oldest FROM otel_logs
    UNION ALL
    SELECT count() AS rows, toDateTime64(min(Timestamp), 3, 'UTC') AS oldest FROM otel_traces
)
WHERE rows > 0

-- The last sample of the window before each step, and when it was. A stale marker is told by its bits, by the reader.
SELECT
    series,
    timeSeriesLastToGrid($grid)(time, value) AS grid,
    timeSeriesLastToGrid($grid)(time, toUnixTimestamp64Milli(time) / 1000) AS times
FROM
(
$points
)
GROUP BY series
SETTINGS max_threads = 1

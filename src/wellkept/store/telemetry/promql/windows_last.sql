-- The last sample of the window before each step. A stale marker is told by its bits, by the reader.
SELECT series, timeSeriesLastToGrid($grid)(time, value) AS grid
FROM
(
$points
)
GROUP BY series
SETTINGS max_threads = 1

-- One value a step of what the samples of the window before it amount to.
-- A stale marker ends a series, and is no sample.
SELECT series, $aggregate AS grid
FROM
(
$points
)
WHERE reinterpretAsUInt64(value) != 0x7ff0000000000002
GROUP BY series
SETTINGS max_threads = 1

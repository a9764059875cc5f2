-- OTLP metrics requests as rows (series, owner, suffix, attributes, time, value).
-- Each family of metrics that a request holds is decoded by a pass of its own over its own columns: the decoder skips
-- the bytes of what it does not need, and the passes run side by side.
-- Points flagged "no recorded value" and points without a value are left out. (An alias hides a column of the same name
-- from WHERE too; so what is decoded is a number, and what is stored is a value.)
SELECT
    cityHash64(owner_hash, suffix, attributes) AS series,
    owner, suffix, attributes,
    fromUnixTimestamp64Nano(wellkept_nanos(nanos, {received:UInt64})) AS time,
    assumeNotNull(number) AS value
FROM
(
-- families
)
WHERE NOT bitTest(flags, 0) AND isNotNull(number)

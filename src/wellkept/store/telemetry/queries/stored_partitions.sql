-- What each partition takes on the disk; what is not active any more goes by itself within minutes.
SELECT
    toString(table) AS table,
    partition_id,
    sumIf(bytes_on_disk, active) AS bytes,
    sumIf(bytes_on_disk, NOT active) AS leaving
FROM system.parts
WHERE database = currentDatabase()
GROUP BY table, partition_id
ORDER BY table, partition_id

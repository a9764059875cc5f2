-- The tables that hold telemetry, without those that say what the schema is.
SELECT name FROM system.tables
WHERE database = currentDatabase() AND total_rows > 0 AND name NOT IN ('schema_migrations', 'retention')
ORDER BY name

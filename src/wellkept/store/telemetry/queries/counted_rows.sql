-- Predictions as they are counted: the step of each, whether it was given to somebody (and not only tried), and $columns.
SELECT
    toUInt32(intDiv(toUnixTimestamp64Milli(time) - {start:Int64}, {step:Int64})) AS slot,
    attributes['shadow_of'] = '' AS is_given, $columns
FROM predictions FINAL
-- include queries/counted_where.sql

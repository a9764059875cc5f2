-- The series that a window asks for, and whether what counts of each is its total in a step.
picked AS
(
    SELECT
        series,
        any(temporality) = 1 AND any(kind) != 'gauge' AS is_delta
    FROM metric_series
    WHERE (empty({names:Array(String)}) OR name IN {names:Array(String)} OR match(name, {endings:String}))
        AND (empty({entities:Array(String)}) OR entity IN {entities:Array(String)})
        AND (notEmpty({names:Array(String)}) OR NOT wellkept_is_part(kind, name))
        AND NOT has({left_out:Array(String)}, name)
        AND (empty({series:Array(UInt64)}) OR series IN {series:Array(UInt64)})
    GROUP BY series
)

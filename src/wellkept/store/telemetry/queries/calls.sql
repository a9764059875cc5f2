-- Calls between services by step, as the caller saw them: one row for each caller and callee, its steps as arrays.
-- Of each caller only so many callees stand by themselves, those with the most calls.
WITH callers AS
(
    SELECT
        toInt64(intDiv(toUnixTimestamp64Milli(Timestamp) - {start:Int64}, {step:Int64})) AS step,
-- include queries/calling_spans.sql
),
callees AS
(
-- include queries/called_spans.sql
)
SELECT
    entity,
    part,
    groupArray(step) AS steps,
    groupArray(calls) AS calls,
    groupArray(errors) AS errors,
    groupArray(p95) AS p95s
FROM
(
    SELECT
        source AS entity,
        target AS part,
        step,
        count() AS calls,
        countIf(is_error) AS errors,
        quantileExact(0.95)(taken) / 1e9 AS p95
    FROM
    (
        SELECT
            caller.ServiceEntity AS source,
            caller.step AS step,
            callee.parent != 0 AS is_answered,
            caller.is_client AS is_client,
            if(is_answered, callee.ServiceEntity, caller.named) AS target,
            if(is_client, caller.StatusCode, callee.StatusCode) = 'Error' AS is_error,
            toInt64(if(is_client, caller.Duration, callee.Duration)) AS taken
        FROM callers AS caller
        LEFT JOIN callees AS callee ON callee.parent = caller.id
        WHERE is_answered OR is_client
    )
    WHERE target != '' AND target != source
    GROUP BY entity, part, step
)
GROUP BY entity, part
ORDER BY entity, arraySum(calls) DESC, part
LIMIT {most:UInt32} BY entity

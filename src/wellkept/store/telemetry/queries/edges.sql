-- Which service called which: a span whose child is a span of another service. A call that nobody answered has no
-- child; it counts towards the service that the caller named (peer.service), in the caller's namespace.
WITH callers AS
(
    SELECT
-- include queries/calling_spans.sql
),
callees AS
(
-- include queries/called_spans.sql
)
SELECT
    source,
    target,
    count() * {every:UInt32} AS calls,
    countIf(is_error) * {every:UInt32} AS errors,
    quantileExact(0.95)(taken) / 1e9 AS p95_s,
    quantileExactIf(0.5)(taken - answered, is_answered AND is_client) / 1e9 AS gap_p50_s
FROM
(
    SELECT
        caller.ServiceEntity AS source,
        callee.parent != 0 AS is_answered,
        caller.is_client AS is_client,
        if(is_answered, callee.ServiceEntity, caller.named) AS target,
        if(is_client, caller.StatusCode, callee.StatusCode) = 'Error' AS is_error,
        toInt64(if(is_client, caller.Duration, callee.Duration)) AS taken,
        toInt64(callee.Duration) AS answered
    FROM callers AS caller
    LEFT JOIN callees AS callee ON callee.parent = caller.id
    WHERE is_answered OR is_client
)
WHERE target != '' AND target != source
GROUP BY source, target
ORDER BY source, target

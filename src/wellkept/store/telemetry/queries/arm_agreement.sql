-- Of the newest requests that a shadow was tried on: how many, on how many it decides otherwise than the version that
-- answered, and how far their scores lie apart on average. Where no contract says a threshold, two classes are told at a
-- half, several by the class that is named; a number decides nothing.
WITH tried AS
(
    SELECT attributes['shadow_of'] AS of, score, decision
    FROM predictions FINAL
    WHERE model = {model:String} AND version = {shadow:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND of != ''
        AND NOT arrayExists(
            (a, b) -> toUnixTimestamp64Milli(time) >= a AND toUnixTimestamp64Milli(time) < b,
            {void_starts:Array(Int64)}, {void_ends:Array(Int64)})
    ORDER BY time DESC
    LIMIT {most:UInt64}
)
SELECT
    count() AS pairs,
    countIf(multiIf(
        t.decision != '' AND a.decision != '', t.decision != a.decision,
        {loss:String} = 'log', (t.score >= 0.5) != (a.score >= 0.5),
        {loss:String} = 'wrong', round(t.score) != round(a.score),
        0)) AS otherwise,
    sum(abs(t.score - a.score)) AS apart
FROM
(
    SELECT id, score, decision
    FROM predictions FINAL
    WHERE model = {model:String} AND version = {answering:String}
        AND time >= fromUnixTimestamp64Milli({start:Int64}) AND time < fromUnixTimestamp64Milli({end:Int64})
        AND id IN (SELECT of FROM tried)
) AS a
INNER JOIN tried AS t ON t.of = a.id

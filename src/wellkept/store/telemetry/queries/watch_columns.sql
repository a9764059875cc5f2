-- Of the newest predictions of a version in a span, what each input looked like: how often it was there and known, when
-- first and last, its quantiles, its commonest words, and how often it moved from one prediction about an entity to the
-- next. A word's quantiles and a number's words are empty.
SELECT
    name, word, count() AS there, countIf(known) AS present,
    toUnixTimestamp64Milli(min(time)) / 1000 AS first, toUnixTimestamp64Milli(max(time)) / 1000 AS last,
    quantilesExactIf(0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
        0.9, 0.95, 1)(value, known AND NOT word) AS quantiles,
    countIf(known AND place > 0 AND value < {lows:Array(Float64)}[place]) AS below,
    countIf(known AND place > 0 AND value > {highs:Array(Float64)}[place]) AS above,
    topKIf(20)(text, word AND known) AS words,
    countIf(after AND entity != '') AS pairs, countIf(after AND entity != '' AND mark != before) AS moved
FROM
(
    SELECT name, word, time, value, text, known, entity, mark, indexOf({names:Array(String)}, name) AS place,
        lagInFrame(mark) OVER entities AS before, row_number() OVER entities > 1 AS after
    FROM
    (
        SELECT time, id, entity_key AS entity, item.1 AS name, item.2 AS word, item.3 AS value, item.4 AS text,
            item.5 AS known, if(word, cityHash64(text), reinterpretAsUInt64(value)) AS mark
        FROM
        (
            SELECT time, id, entity_key, arrayConcat(
                arrayMap((k, v) -> (toString(k), false, ifNull(v, 0.), '', isNotNull(v)),
                    mapKeys(features), mapValues(features)),
                arrayMap((k, v) -> (toString(k), true, 0., v, v != ''), mapKeys(categories), mapValues(categories))
            ) AS items
            FROM
            (
                SELECT time, id, entity_key, all_features AS features, categories
                FROM predictions
                WHERE model = {model:String} AND version = {version:String} AND attributes['shadow_of'] = ''
                    AND time >= fromUnixTimestamp64Milli({start:Int64})
                    AND time < fromUnixTimestamp64Milli({end:Int64})
                ORDER BY time DESC, id DESC
                LIMIT 1 BY id
                LIMIT {limit:UInt64}
            )
        )
        ARRAY JOIN items AS item
    )
    WINDOW entities AS (PARTITION BY entity, name ORDER BY time, id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
GROUP BY name, word
ORDER BY name

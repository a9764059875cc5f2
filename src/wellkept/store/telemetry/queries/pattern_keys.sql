-- The cheap keys of bodies that are given, as they are made of stored lines.
SELECT concat(arrayStringConcat(tokens, ' '), if(newline > 0, '\n', ''), class) AS key
FROM
(
    SELECT
-- include queries/pattern_key.sql
        body AS Body
    FROM file({body:String}, 'ArrowStream')
)

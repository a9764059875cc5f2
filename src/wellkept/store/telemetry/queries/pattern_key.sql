if(multiSearchAny(Body, {key_coloured:Array(String)}), replaceRegexpAll(Body, {key_colour:String}, ''), Body) AS told,
position(told, '\n') AS newline,
replaceAll(replaceAll(replaceAll(concat(' ', translate(
    substring(if(newline > 0, substring(told, 1, newline - 1), told), 1, {key_bytes:UInt32}),
    {key_from:String}, {key_to:String}), ' '), '=', ' 0'), ' /', ' 0'), '.0', ' 0') AS plain,
arrayMap(token -> if(position(token, '0') > 0, '0', token), splitByChar(' ', if(
    multiSearchAny(plain, {key_tops:Array(String)}), replaceRegexpAll(plain, {key_host:String}, '0 '), plain))) AS tokens,
if(newline > 0, arrayElement(extractAll(substring(told, newline, 20000), {key_class:String}), -1), '') AS class,

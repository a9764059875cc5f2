position(Body, '\n') AS newline,
arrayMap(token -> if(position(token, '0') > 0 OR startsWith(token, '/'), '0', token), splitByChar(' ', translate(
    substring(if(newline > 0, substring(Body, 1, newline - 1), Body), 1, {key_bytes:UInt32}),
    {key_from:String}, {key_to:String}))) AS tokens,
if(newline > 0, arrayElement(extractAll(substring(Body, newline, 20000), {key_class:String}), -1), '') AS class,

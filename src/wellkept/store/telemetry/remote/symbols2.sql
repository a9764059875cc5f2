-- The symbols of remote write 2.0 requests, in their order.
SELECT arrayMap(s -> toValidUTF8(s), arrayFlatten(requests.symbols)) AS symbols
FROM file({body:String}, 'ProtobufSingle', {structure:String})

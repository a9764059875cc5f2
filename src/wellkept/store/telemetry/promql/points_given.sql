SELECT series, time, value
FROM file({body:String}, 'ArrowStream', 'series UInt64, time DateTime64(3, \'UTC\'), value Float64')

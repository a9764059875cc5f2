"""HTTP routes, one file a noun: parse, call, render."""

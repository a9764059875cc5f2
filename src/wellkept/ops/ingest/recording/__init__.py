"""Recordings: telemetry of the past, read from files, as the OTLP request bodies that it could have arrived in."""

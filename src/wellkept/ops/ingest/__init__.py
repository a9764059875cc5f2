"""The doors for telemetry: what comes in is stored before it is acknowledged."""

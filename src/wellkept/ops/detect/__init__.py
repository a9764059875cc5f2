"""From telemetry to findings: detectors over all series at once."""

"""Rules that people write: thresholds, Prometheus rule files and service level objectives."""

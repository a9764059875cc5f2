"""Simulated telemetry with a known truth: leaks, disks that fill, weeks of peaks, and changes of every shape."""

"""Patterns of log lines: templates found while lines arrive, with parameters that have names."""

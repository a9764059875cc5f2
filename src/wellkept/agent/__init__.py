"""The host agent: host metrics, log files, and the allow-listed actions on its host."""

"""From findings to incidents: what belongs together, and why."""

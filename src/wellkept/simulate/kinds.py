"""The names of faults and of the examples that come with the source."""

from __future__ import annotations

FAULTS = (
    "none",
    "drift",
    "broken_feed",
    "label_storm",
    "label_clock",
    "renamed",
    "no_traffic",
    "broken_pipe",
)
EXAMPLES = ("churn", "demand", "fraud", "recommendations")

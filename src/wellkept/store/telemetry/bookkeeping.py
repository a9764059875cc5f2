"""Series that the platform (or a Prometheus) writes about its own rules.

They can be asked for by name, and are no telemetry of anybody: what looks at all series at once does without them.
"""

from __future__ import annotations

ALERTS, FOR_STATE = "ALERTS", "ALERTS_FOR_STATE"
EVALUATED = "wellkept_rule_group_last_evaluation_seconds"
"""The moment that a group looked at last, in seconds: after a start it tells when alerts were alive last."""
OF_RULES = (ALERTS, FOR_STATE, EVALUATED)

"""The watched model, for the decisions about it."""

from tests.ml.watch.conftest import telemetry, watched

__all__ = ["telemetry", "watched"]

"""The watched model, for the decisions about it."""

from tests.ml.watch.conftest import telemetry_folder, watched

__all__ = ["telemetry_folder", "watched"]

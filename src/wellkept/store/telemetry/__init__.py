"""Telemetry on chDB: metrics, logs, spans, changes, predictions and labels."""

from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import SeriesInfo, Window

__all__ = ["SeriesInfo", "Signal", "Telemetry", "Window"]

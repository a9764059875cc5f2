"""Limits of what metric points may do to the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PointLimits:
    """How many series may be there at once, and how far a point's time may lie from that of its receipt.

    A series counts while it was seen within ``active_s`` seconds. 0 stands for no limit.
    """

    series: int = 2_000_000
    series_of_metric: int = 200_000
    series_of_service: int = 500_000
    active_s: float = 86_400.0
    late_s: float = 0.0
    early_s: float = 0.0

"""Limits of what metric points may do to the store."""

from __future__ import annotations

from dataclasses import dataclass, fields

from wellkept.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class PointLimits:
    """How many series may be there, and how far the time of a point may lie from that of its receipt.

    0 stands for no limit. Points beyond a limit are refused, and their sender is told; all others are stored.
    """

    series: int = 2_000_000
    """Active series of all metrics together."""
    series_of_metric: int = 200_000
    """Active series of one metric."""
    series_of_service: int = 500_000
    """Active series of one service (`service.name`; of Prometheus, the job)."""
    active_s: float = 86_400.0
    """A series is active while it was seen within so many seconds."""
    late_s: float = 0.0
    """Points that are older are refused; 0 takes what is late, however late."""
    early_s: float = 0.0
    """Points that lie further in the future are refused."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise InputError(f"ingest.metrics.{field.name}", "must be 0 or more", getattr(self, field.name))

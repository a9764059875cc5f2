"""The settings of correlation."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class CorrelateSettings:
    """When findings are one problem, when they are worth an incident, and when it is over. Durations in seconds."""

    onset_s: float = 300.0
    """Findings on related entities that begin this close together belong together."""
    model_onset_s: float = 3600.0
    """Findings about models are judged on longer windows and come later than their cause."""
    beside_s: float = 120.0
    """Findings that have only something in common (a dependency, a label, a name) belong together when this close."""
    hops: int = 2
    """How far apart related entities may be along dependencies."""
    model_hops: int = 3
    """The same between a model, its features and what serves or feeds them."""
    persist_s: float = 120.0
    """A single weak finding opens an incident only when it has lasted this long."""
    strong_score: float = 0.85
    """From this score on a finding is not weak, unless it only says that a resource is busy."""
    quiet_s: float = 120.0
    """An incident is resolved when all its findings have been over for this long."""
    close_after_s: float = 0.0
    """A resolved incident, and its ticket, are closed after this long."""
    lookback_s: float = 3600.0
    """Findings that were over longer ago than this are history."""
    reopen_s: float = 86_400.0
    """Trouble that comes back within this time points back to the incident before it."""
    change_s: float = 1800.0
    """Changes this long before the onset are told in the timeline."""

    def __post_init__(self) -> None:
        for name in ("onset_s", "model_onset_s", "beside_s", "persist_s", "quiet_s", "close_after_s", "lookback_s"):
            if getattr(self, name) < 0:
                raise InputError(f"correlate.{name}", "must not be negative", getattr(self, name))
        if self.hops < 1 or self.model_hops < self.hops:
            raise InputError("correlate.hops", "must be at least 1 and at most model_hops", self.hops)

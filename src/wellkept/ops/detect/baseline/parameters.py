"""What the baseline does, in numbers that a person can read. They ship, and are the same for all series."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.kernel.errors import InputError

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Parameters:
    """The choices behind the baseline. Durations in seconds; weights and levels have no unit."""

    version: str = "1"
    """Moves with every change of a number below; findings and evaluations carry it."""
    warm_up: int = 200
    """Values of a series before its scores mean something; until then they are 0."""
    horizon_s: float = 30 * DAY_S
    """How far back the tails of the residuals remember."""
    sudden_level: float = 0.95
    """The quantile that opens the tail of a residual, for what has just changed; each direction has its own tail."""
    unusual_level: float = 0.99
    """The same for what is unlike the usual, both directions in one tail."""
    clip: float = 20.0
    """An exceedance counts as this many times the usual one at most when the tail learns: outages are not learned."""
    sudden_weights: tuple[float, ...] = (1.0, 0.5, 0.6, 0.5, 0.3, 0.0, 0.0, 0.0)
    """Weights of the residuals, in the order of ``residuals.NAMES``, in ``sudden``."""
    unusual_weights: tuple[float, ...] = (0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    """The same in ``unusual``."""
    record_long_s: float = 7 * DAY_S
    """How fast the long record band (the highest and the lowest so far) relaxes towards the mean."""
    record_short_s: float = DAY_S
    """The same of the short record band."""
    hold_steps: float = 60.0
    """Values after which ``unusual`` has forgotten half of a past excess."""
    gate_half_life_s: float = 12 * 3600.0
    """An alarm must be as unusual as the last ones were, less a half for each of these."""
    quiet_s: float = 1800.0
    """An alarm is over after this long without another one, and the next one counts anew."""

    def __post_init__(self) -> None:
        for name in ("horizon_s", "record_long_s", "record_short_s", "hold_steps", "gate_half_life_s", "quiet_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"baseline.{name}", "must be more than 0", getattr(self, name))
        for name in ("sudden_level", "unusual_level"):
            if not 0.5 <= getattr(self, name) < 1:
                raise InputError(f"baseline.{name}", "must be at least 0.5 and below 1", getattr(self, name))


SHIPPED = Parameters()
"""The numbers that the platform runs with, chosen on half of the recordings; see ``docs/detection.md``."""

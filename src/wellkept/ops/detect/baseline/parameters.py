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
    balance: float = 0.6
    """The scale of one direction is at least this share of that of the other."""
    sudden_weights: tuple[float, ...] = (1.0, 0.5, 0.6, 0.5, 0.3)
    """Weights of ``residuals.SUDDEN``."""
    unusual_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    """Weights of ``residuals.UNUSUAL``."""
    alarm_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 2.0, 1.0)
    """The same in ``alarm``."""
    quick_values: float = 10.0
    """Values after which a past excess counts half in the quick mean of ``unusual``."""
    quick_weight: float = 6.0
    """Weight of that mean, beside the newest excess with 1."""
    slow_s: float = 5 * 3600.0
    """Time after which a past excess counts half in the slow mean of ``unusual``."""
    slow_weight: float = 28.0
    """Weight of that mean."""
    entity_slow_weight: float = 9.0
    """The same in the lasting score of an entity."""
    record_long_s: float = 7 * DAY_S
    """How fast the long record band (the highest and the lowest so far) relaxes towards the mean."""
    record_short_s: float = DAY_S
    """The same of the short record band."""
    sudden_scale: tuple[tuple[float, float], ...] = (
        (0.0, 0.0), (1.0, 0.6), (2.0, 1.15), (3.0, 1.5), (4.0, 1.9), (5.0, 2.2), (6.0, 2.45), (8.0, 2.95),
        (10.0, 3.35), (12.0, 3.65), (16.0, 4.1), (20.0, 4.4), (30.0, 4.95), (40.0, 5.4), (60.0, 6.0), (100.0, 6.8),
    )  # fmt: skip
    """Excess of ``sudden`` to -log10 of the share of normal steps that reach it; straight lines in between."""
    unusual_scale: tuple[tuple[float, float], ...] = (
        (0.0, 0.0), (10.0, 0.03), (14.0, 0.08), (18.0, 0.28), (20.0, 0.46), (25.0, 0.92), (30.0, 1.34), (35.0, 1.61),
        (40.0, 1.77), (50.0, 2.0), (60.0, 2.15), (80.0, 2.46), (100.0, 2.74), (150.0, 3.32), (200.0, 4.0),
    )  # fmt: skip
    """The same for ``unusual``."""
    alarm_scale: tuple[tuple[float, float], ...] = (
        (0.0, 0.0), (1.0, 0.77), (2.0, 1.44), (3.0, 1.93), (4.0, 2.28), (5.0, 2.56), (6.0, 2.78), (8.0, 3.16),
        (10.0, 3.43), (12.0, 3.65), (16.0, 4.0), (20.0, 4.25), (30.0, 4.6), (40.0, 4.9), (60.0, 5.2), (100.0, 5.7),
    )  # fmt: skip
    """The same for what ``alarm`` is made of."""
    young_values: float = 500.0
    """A series with this many values needs twice the rarity of an old one before anything is said of it."""
    learn_within: float = 1.0
    """A score less than this above the threshold teaches the threshold of its series; one further above is trouble."""
    learn_gain: float = 0.2
    """What one such score adds to the threshold."""
    learn_allowed: float = 5.0
    """So many of them a week leave the threshold where it is."""
    learn_most: float = 0.5
    """The most that is added: a third of the findings is left."""
    gate_half_life_s: float = 6 * 3600.0
    """``alarm`` lets pass what is as unusual as the highest before, which has halved after this time."""
    alarm: float = 3.8
    """What ``alarm`` must reach where one threshold is wanted for all series, whatever their step."""

    def __post_init__(self) -> None:
        for name in (
            "horizon_s",
            "record_long_s",
            "record_short_s",
            "quick_values",
            "slow_s",
        ):
            if not getattr(self, name) > 0:
                raise InputError(f"baseline.{name}", "must be more than 0", getattr(self, name))
        for name in ("sudden_level", "unusual_level"):
            if not 0.5 <= getattr(self, name) < 1:
                raise InputError(f"baseline.{name}", "must be at least 0.5 and below 1", getattr(self, name))


SHIPPED = Parameters()
"""The numbers that the platform runs with, chosen on half of the recordings; see ``docs/detection.md``."""

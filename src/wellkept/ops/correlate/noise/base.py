"""What noise is judged by: the numbers of the configuration, and the rules that are in force."""

from __future__ import annotations

from dataclasses import dataclass

from wellkept.kernel.errors import InputError
from wellkept.kernel.grouping import GroupRule
from wellkept.kernel.noise import InhibitRule, Maintenance, QuietHours, Silence

FLAPPING = "noise.flapping"
"""The detector of the findings that tell once that something comes and goes."""


@dataclass(frozen=True, slots=True)
class FlapLimits:
    """When a finding flaps. A change is a beginning or an end."""

    starts: int = 6
    """From so many changes within the window on it flaps; 0 switches damping off."""
    ends: int = 2
    """With so many or fewer it does no longer."""
    window_s: float = 1800.0

    def __post_init__(self) -> None:
        if self.starts < 0 or self.window_s <= 0:
            raise InputError("ops.noise.flapping.starts", "must not be negative, and window_s above 0", self.starts)
        if self.starts and not 0 <= self.ends < self.starts:
            raise InputError("ops.noise.flapping.ends", f"must be from 0 to below starts ({self.starts})", self.ends)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that is in force at a time."""

    silences: tuple[Silence, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    inhibit: tuple[InhibitRule, ...] = ()
    rules: tuple[GroupRule, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()

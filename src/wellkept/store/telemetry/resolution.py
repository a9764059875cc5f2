"""Which tier of metrics a reader looks at: the points themselves, or what they amount to by the minute or by the hour.

Points wherever they are held and it is not a long time. A tier where the points are gone; and where a long time is
looked at so coarsely that its buckets make no difference to speak of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

HOUR_MS = 3_600_000
LONG_MS = 48 * HOUR_MS
"""A shorter time than this is read from the points as long as they are held."""
ALWAYS_MS = -(1 << 50)
"""Before every point."""
SEVERAL = 10
"""A step and a window of so many buckets is coarse enough to be read from them."""


class Tier(IntEnum):
    """From fine to coarse."""

    POINTS = 0
    MINUTES = 1
    HOURS = 2

    @property
    def bucket_ms(self) -> int:
        """How long a bucket is; points have none."""
        return (0, 60_000, HOUR_MS)[self]

    @property
    def warning(self) -> str:
        """What an answer says that was read from this tier."""
        words = f"read from values by the {('', 'minute', 'hour')[self]}, which each stand at their last sample"
        return f"metrics tier: {words}" if self else ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A span in milliseconds, how far apart the looks at it are (0: one look), and how far back each looks."""

    since_ms: int
    until_ms: int
    step_ms: int
    window_ms: int

    def is_coarse(self, tier: Tier) -> bool:
        """Whether buckets of this tier are small beside all of it."""
        least = SEVERAL * tier.bucket_ms
        steps_wide = not self.step_ms or self.step_ms >= least
        return self.until_ms - self.since_ms >= LONG_MS and steps_wide and self.window_ms >= least


@dataclass(frozen=True, slots=True)
class Coverage:
    """Since when (milliseconds) points, minutes and hours are held in full, and until when both were rolled up."""

    points_ms: int
    minutes_ms: int
    hours_ms: int
    rolled_ms: int

    def tier(self, first_ms: int, asked: Asked) -> Tier:
        """The tier for a look that reaches back to ``first_ms``, as part of all that is asked."""
        if first_ms >= self.rolled_ms:
            return Tier.POINTS
        coarse = (tier for tier in reversed(Tier) if asked.is_coarse(tier))
        needed = Tier.POINTS
        if first_ms < self.points_ms:
            needed = Tier.MINUTES if first_ms >= self.minutes_ms else Tier.HOURS
        return max(needed, next(coarse, Tier.POINTS))

    def bounds(self, asked: Asked) -> tuple[int, int]:
        """Until when hours are read, and then until when minutes, where all that is asked is read at once."""
        minutes_ms = self.rolled_ms if asked.is_coarse(Tier.MINUTES) else self.points_ms
        hours_ms = self.rolled_ms if asked.is_coarse(Tier.HOURS) else min(self.points_ms, self.minutes_ms)
        return self._bound(hours_ms), self._bound(minutes_ms)

    def _bound(self, moment_ms: int) -> int:
        """The end of the hour of a moment: a bucket lies on one side of a bound or on the other."""
        return max(0, min(-(-moment_ms // HOUR_MS) * HOUR_MS, self.rolled_ms))


ONLY_POINTS = Coverage(ALWAYS_MS, ALWAYS_MS, ALWAYS_MS, ALWAYS_MS)
"""Nothing was rolled up."""

"""The track record of estimates: what was estimated, against what turned out to be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wellkept.ml.estimate.estimate import Estimated

LAST = 4
"""The newest so many estimates that were checked decide whether estimates are believed."""
REMEMBERED = 24
"""So many widen the interval."""
UNLIKELY = 3.0
"""In standard errors: estimates that were off by more, on average, are not believed."""
UNLIKELY_SQUARES = 4.6
"""The mean of the squared errors, in squared standard errors, that four of them exceed once in a thousand times."""
TOLERABLE = 0.02
"""An error that is no reason to disbelieve, in the units of a metric between 0 and 1; of losses, the share of them."""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Of ``count`` estimates that were checked: the mean of the error's size, its mean (above 0: too good), and how
    often the truth was in the interval; None without any.

    ``beyond``: the standard deviation of errors that chance does not explain; it widens later intervals. ``recent``
    and ``recent_z``: the mean error of the newest, in the metric's units and in standard errors; ``recent_size`` and
    ``recent_squares`` the root of their mean square, and the mean square in squared standard errors.
    """

    count: int = 0
    mean_error: float | None = None
    bias: float | None = None
    covered: float | None = None
    beyond: float = 0.0
    recent: float = 0.0
    recent_z: float = 0.0
    recent_size: float = 0.0
    recent_squares: float = 0.0

    def is_bad(self, scale: float) -> bool:
        """Whether the newest estimates were wrong, beyond chance and beyond what is tolerable of ``scale``.

        In one direction, or now in this and now in that, as when the world changes to and fro.
        """
        is_biased = abs(self.recent_z) > UNLIKELY and abs(self.recent) > TOLERABLE * scale
        return is_biased or (self.recent_squares > UNLIKELY_SQUARES and self.recent_size > TOLERABLE * scale)


NO_RECORD = TrackRecord()


def record(pairs: Sequence[tuple[Estimated, Estimated]]) -> TrackRecord:
    """The record of (estimated, realised), oldest first."""
    known = [(said, true) for said, true in pairs if said.is_known and true.is_known][-REMEMBERED:]
    if not known:
        return NO_RECORD
    error = np.array([said.value - true.value for said, true in known])
    chance = np.array([said.error**2 + true.error**2 for said, true in known])
    recent, noise = error[-LAST:], chance[-LAST:]
    z = float(recent.sum() / np.sqrt(noise.sum())) if noise.sum() > 0 else 0.0
    return TrackRecord(
        count=len(known),
        mean_error=float(np.abs(error).mean()),
        bias=float(error.mean()),
        covered=float(np.mean(np.abs(error) <= 1.6448536 * np.sqrt(chance))),
        beyond=float(np.sqrt(max(0.0, float(np.mean(error**2 - chance))))),
        recent=float(recent.mean()),
        recent_z=z,
        recent_size=float(np.sqrt(np.mean(recent**2))),
        recent_squares=float(np.mean(recent**2 / np.maximum(noise, 1e-12))) if len(recent) >= LAST else 0.0,
    )

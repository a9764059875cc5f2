"""A sudden and lasting change for the worse, judged against the older part of the window."""

from __future__ import annotations

from wellkept.ops.detect.bands import BandDetector
from wellkept.ops.detect.base import View
from wellkept.ops.detect.signals import Signals, signals


class RobustAnomaly(BandDetector):
    """Says that a series is out of its usual band for several steps in a row.

    Of who reports more rarely than every step the newest words count, so many in a row.

    The usual level is the median over blocks of block medians; the usual spread is the median of the blocks'
    interquartile ranges plus the spread between the blocks plus five per cent of the level. Both survive a quarter
    of the window being bad already, so detection may be late without going blind. The spread is only a gate: what
    must be large is the effect, in the series' own unit (``floor``), against its level (``share``), and, where
    something ends, against the headroom that was left. Traffic that stops is out of any band. A finding that is open
    is judged by the band it was opened with.

    Source: the block median with IQR floor is the scheme that stayed right when the time of a fault was known up to
    three minutes late (Sock Shop recordings); plain mean and deviation did not.
    """

    name = "robust"
    version = "5"
    shared = ("confirm_steps", "gate", "min_points")

    def signals(self, view: View) -> Signals:
        """What is judged: the series of services and of what they run on."""
        return signals(view, lambda meaning: meaning.anomaly and not meaning.name.startswith(("endpoint.", "call.")))

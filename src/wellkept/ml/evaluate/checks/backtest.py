"""Earlier windows: was it as good before, every time trained on what was there before the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import Z90, surely, worse
from wellkept.ml.evidence import COMPARED, NONE, Window
from wellkept.ml.gates import BacktestGate
from wellkept.ml.outcome import Outcome
from wellkept.ml.tasks import LOWER_IS_BETTER

LEAST_WINDOWS = 2


def windows_of(gate: BacktestGate, outcome: Outcome) -> list[Window]:
    """The newest windows that the gate asks for, on which its metric has a meaning; the oldest first."""
    found = [window for window in outcome.backtest if window.metric == gate.backtest and np.isfinite(window.value)]
    return found[-gate.windows :]


def backtest(_: ModelContract, gate: BacktestGate, outcome: Outcome) -> Check:
    """The mean, the worst window, and the champion where it has not seen the window."""
    name, windows = f"back-test of {gate.backtest}", windows_of(gate, outcome)
    if len(windows) < LEAST_WINDOWS:
        sentence = f"there were rows for {len(windows)} of {gate.windows} earlier windows; {LEAST_WINDOWS} are needed"
        return Check(name, False, "unknown", f"{gate.windows} windows", sentence)
    mean = float(np.mean([window.value for window in windows]))
    values = ", ".join(f"{window.value:.3f}" for window in windows)
    said = f"{gate.backtest} of {len(windows)} earlier windows, the oldest first: {values}; mean {mean:.3f}"
    parts = [_limit(gate, windows, mean), _worst(gate, windows, mean), _champion(gate, windows)]
    asked = [part for part in parts if part is not None]
    judged = [part for part in asked if part[0] is not None]
    passed = bool(judged) and all(part[0] for part in judged)
    sentence = "; ".join([said, *(part[2] for part in asked)])
    return Check(name, passed, f"mean {mean:.4f}", " and ".join(part[1] for part in asked), sentence)


Part = tuple[bool | None, str, str]
"""Whether it is so (None: it could not be told), the limit, and words."""


def _limit(gate: BacktestGate, windows: Sequence[Window], mean: float) -> Part | None:
    if gate.at_least is None and gate.at_most is None:
        return None
    limit = f">= {gate.at_least:g}" if gate.at_least is not None else f"<= {gate.at_most:g}"
    passed, words = _within(gate, mean), f"the mean must be {limit}"
    rivals = _rivals(windows)
    if not passed and gate.yields_to_better and len(rivals) >= LEAST_WINDOWS:
        ours, theirs = (float(np.mean(values)) for values in zip(*rivals, strict=True))
        passed = not _within(gate, theirs) and worse(gate.backtest, ours, theirs) > 0
        words += f"; the champion has {theirs:.3f} over {len(rivals)} of them that it had not seen, against {ours:.3f}"
        words += ", and the limit yields to what is better" if passed else ""
    return passed, limit, words


def _within(gate: BacktestGate, mean: float) -> bool:
    is_low = gate.at_least is not None and mean < gate.at_least
    return not is_low and not (gate.at_most is not None and mean > gate.at_most)


def _rivals(windows: Sequence[Window]) -> list[tuple[float, float]]:
    """Challenger and champion on the windows that the champion has not seen in training."""
    told = [(window.value, window.champion) for window in windows if window.champion_is == COMPARED]
    return [(ours, theirs) for ours, theirs in told if theirs is not None and np.isfinite(theirs)]


def _worst(gate: BacktestGate, windows: Sequence[Window], mean: float) -> Part | None:
    """The worst window is worse than the mean by more than is allowed, and by more than chance."""
    if gate.worst_drop is None:
        return None
    limit = f"worst <= {gate.worst_drop:g} worse"
    worst = max(windows, key=lambda window: worse(gate.backtest, mean, window.value))
    lost = worse(gate.backtest, mean, worst.value)
    error = (worst.high - worst.low) / (2 * Z90)
    failed = lost > gate.worst_drop and surely(lost, error, len(windows))
    words = f"the worst window is worse than the mean by {lost:.3f}, may be by {gate.worst_drop:g}"
    if lost > gate.worst_drop and not failed:
        words += f" (its interval {worst.low:.3f} to {worst.high:.3f} is so wide that chance explains it)"
    if failed and gate.yields_to_better and _was_as_bad(gate, worst):
        failed = False
        words += f", which yields: the champion had {worst.champion:.3f} there, and had not seen it"
    return not failed, limit, words


def _was_as_bad(gate: BacktestGate, window: Window) -> bool:
    """Whether the champion was not surely better on a window that it had not seen in training."""
    if window.champion_is != COMPARED or window.difference_low is None or window.difference_high is None:
        return False
    best = -window.difference_low if gate.backtest in LOWER_IS_BETTER else window.difference_high
    return bool(np.isfinite(best) and best >= 0)


def _champion(gate: BacktestGate, windows: Sequence[Window]) -> Part | None:
    if gate.champion_margin is None:
        return None
    limit = f"champion + {gate.champion_margin:g}"
    gaps = [-worse(gate.backtest, rival, value) for value, rival in _rivals(windows)]
    if gaps:
        better = float(np.mean(gaps))
        words = f"better than the champion by {better:.3f} over {len(gaps)} windows that it has not seen in training"
        return better >= gate.champion_margin, limit, words
    if all(window.champion_is == NONE for window in windows):
        return True, limit, "there is no champion to be compared with"
    why = next(window.champion_is for window in windows if window.champion_is != NONE)
    return None, limit, f"the champion is not compared: {why}"

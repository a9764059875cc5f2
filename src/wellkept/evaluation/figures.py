"""The figures of one recorded curve, of ours and of two rules that everybody has, and their means over curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation import nab
from wellkept.evaluation.curves import Curve
from wellkept.evaluation.scoring import Alarms, alarms, event_f1
from wellkept.evaluation.streams import Scored
from wellkept.evaluation.vus import period, vus_pr
from wellkept.ops.detect.baseline.entities import ranked

Floats = NDArray[np.float64]

CUT_ROWS, CUT_BEFORE = 10_000, 2_000
"""The cut that the peers are scored on: so many rows, which begin so many before the first labelled one."""
HOUR_S = 3600.0
_NONE = float("nan")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one curve. NaN where nothing of it is labelled."""

    curve: Curve
    vus_pr: float
    event_f1: float
    cut_vus_pr: float
    cut_event_f1: float
    alarms: Alarms | None = None
    windowed: nab.Windowed | None = None
    hits: tuple[tuple[float, float], ...] = ()


def of(curve: Curve, scored: Scored) -> Figures:
    """Figures of what the baseline said of a curve."""
    judged = slice(curve.scored, None)
    over, times = scored.over[judged], curve.times[judged]
    windowed = None
    if curve.windows is not None:
        windowed = nab.Windowed(scored.alarm.astype(np.float64), curve.windows, curve.scored)
    return _figures(
        curve,
        scored.unusual.astype(np.float64),
        scored.sudden.astype(np.float64),
        alarms=alarms(over, curve.truth, times),
        windowed=windowed,
        hits=_hits(curve, scored),
    )


def of_rule(curve: Curve, rule: Callable[[Curve], Floats]) -> Figures:
    """Figures of a rule that gives one score a row."""
    scores = rule(curve)
    return _figures(curve, scores, scores)


def difference(curve: Curve) -> Floats:
    """The size of the step from the value before, in standard deviations of the rows before the judged ones."""
    spread = curve.values[: curve.scored].std(axis=0) + 1e-9
    return np.asarray((np.abs(np.diff(curve.values, axis=0, prepend=curve.values[:1])) / spread).mean(axis=1))


def rolling_z(curve: Curve) -> Floats:
    """Distance from the mean of the hour before, in standard deviations of that hour; the mean over metrics."""
    step_s = float(np.median(np.diff(curve.times)))
    width = max(int(HOUR_S / step_s) if step_s > 0 else 12, 5)
    values = curve.values - curve.values[0]
    zero = np.zeros((1, values.shape[1]))
    sums = np.concatenate((zero, np.cumsum(values, axis=0)))
    squares = np.concatenate((zero, np.cumsum(values * values, axis=0)))
    end = np.arange(len(values))
    start = np.maximum(end - width, 0)
    count = np.maximum(end - start, 1)[:, None]
    mean = (sums[end] - sums[start]) / count
    spread = np.sqrt(np.maximum((squares[end] - squares[start]) / count - mean * mean, 0))
    least = 1e-3 * curve.values[: curve.scored].std(axis=0) + 1e-9
    return np.asarray((np.abs(values - mean) / np.maximum(spread, least)).mean(axis=1))


RULES: Mapping[str, Callable[[Curve], Floats]] = {"abs_first_difference": difference, "rolling_z_1h": rolling_z}


def _figures(curve: Curve, lasting: Floats, sudden: Floats, **more: Any) -> Figures:
    truth, first = curve.truth, curve.values[curve.scored :, 0]
    if not truth.any():
        return Figures(curve, _NONE, _NONE, _NONE, _NONE, **more)
    piece = cut(curve)
    lasting, sudden = lasting[curve.scored :], sudden[curve.scored :]
    return Figures(
        curve,
        vus_pr(lasting, truth, period(first)),
        event_f1(sudden, truth),
        vus_pr(lasting[piece], truth[piece], period(first[piece])),
        event_f1(sudden[piece], truth[piece]),
        **more,
    )


def cut(curve: Curve) -> slice:
    """The judged rows that the peers are scored on; all of them where there are windows."""
    truth = curve.truth
    if curve.windows is not None:
        return slice(0, len(truth))
    start = max(0, min(int(np.argmax(truth)) - CUT_BEFORE, len(truth) - CUT_ROWS))
    return slice(start, start + CUT_ROWS)


def _hits(curve: Curve, scored: Scored) -> tuple[tuple[float, float], ...]:
    """For each segment with metrics to blame: the share of them among the first so many ranked, and among 1.5 times."""
    found = []
    for (first, last), blamed in (curve.blamed or {}).items():
        assert scored.blame is not None
        order = ranked(scored.blame[curve.scored + first : curve.scored + last + 1])
        names = [curve.metrics[index] for index in order]
        shares = [
            len(set(blamed) & set(names[: int(more * len(blamed) + 1e-9)])) / len(set(blamed)) for more in (1.0, 1.5)
        ]
        found.append((shares[0], shares[1]))
    return tuple(found)


def summary(found: Sequence[Figures], alarm: float) -> dict[str, Any]:
    """The figures over curves. ``alarm``: the threshold of the alarms that the NAB score is computed of.

    ``vus_pr`` is that of the cut, also of curves that the peers leave out: its 250 thresholds lie at even ranks, so on
    a curve of 150,000 rows hardly one of them falls among the few hundred that are labelled.
    """
    labelled = [one for one in found if one.curve.truth.any()]
    said: dict[str, Any] = {
        "series": len(found),
        "series_with_anomalies": len(labelled),
        "vus_pr": _mean([one.cut_vus_pr for one in labelled]),
        "vus_pr_whole": _mean([one.vus_pr for one in labelled]),
        "event_f1": _mean([one.event_f1 for one in labelled]),
    }
    judged = [one.alarms for one in found if one.alarms is not None]
    if judged:
        segments, weeks = sum(a.segments for a in judged), sum(a.weeks for a in judged)
        delays = [delay for a in judged for delay in a.delays_s]
        said["recall_at_budget"] = _rounded(sum(a.found for a in judged) / segments if segments else None)
        said["false_alarms_per_series_week"] = _rounded(sum(a.false_groups for a in judged) / weeks if weeks else None)
        said["delay_median_s"] = _rounded(float(np.median(delays)) if delays else None)
    corpus = [one.windowed for one in found if one.windowed is not None]
    for profile in nab.PROFILES if corpus else ():
        said[profile] = _rounded(nab.score(corpus, alarm, profile), 2)
        said[f"{profile}_best_threshold"] = _rounded(nab.best(corpus, profile)[0], 2)
    hits = [hit for one in found for hit in one.hits]
    if hits:
        said["hit_rate_100"], said["hit_rate_150"] = (_mean([hit[i] for hit in hits]) for i in range(2))
    return said


def on_cut(found: Sequence[Figures]) -> dict[str, Any]:
    """VUS-PR and event F1 on the cut of the peers."""
    return {
        "series": len(found),
        "vus_pr": _mean([one.cut_vus_pr for one in found]),
        "event_f1": _mean([one.cut_event_f1 for one in found]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return _rounded(float(np.mean(values)) if values else None)


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, digits)

"""Traffic of services and endpoints: spikes and drops, against what is usual at this time where that is known."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.bands import LEAST_WORDS
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, said, seen, shape_fingerprint
from wellkept.ops.detect.slow import Bools, newest_words
from wellkept.ops.detect.statistics import quantiles
from wellkept.store.telemetry.indicators import RATE, REPORTED

SPIKE, DROP = 3.0, 0.5
"""What is so many times, and so small a share of, the usual is worth a word."""
WIDER = 4.0
"""Without a baseline, usual is what lies within so many times the distance of the window's tenths from its middle."""
STOPPED = 0.3
"""What is left when a drop is a warning and not only information."""
EXPECTED = 30.0
"""Requests that the newest steps should have held before their absence means anything."""
LEAST_RATE = 1.0
"""A spike has at least so many requests a second."""
SURE = 4.0
"""-log10 of how unusual one of the newest steps must be for the baseline, where there is one."""


class Traffic:
    """Says that requests come much more, or much less, often than usual for several steps in a row.

    Of who reports more rarely than every step the newest words count, so many in a row. Usual is what the baseline
    knows as such (of this time of day and week where that was seen), else what the older part of the window had. An
    open finding keeps the band that it was opened with. A spike is information, for more users are no trouble by
    themselves; a drop to less than a third is a warning. Abstains below 30 expected requests and on what telemetry
    is blind to.
    """

    name = "traffic"
    version = "3"
    shared = ("confirm_steps", "min_points")
    _SPEAKER = Speaker(name, version, FindingKind.ANOMALY, "1 minus the smaller over the larger rate", "is unusual")

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window, recent = view.red, self._settings.confirm_steps
        columns = [j for j, info in enumerate(window.series) if info.name == RATE]
        if not columns or len(window.times) <= self._settings.min_points + recent:
            return []
        may = seen(window, view.blind)
        columns = [column for column in columns if may[column]]
        rates = _silence_filled(window.values[:, columns], [window.series[j].kind == REPORTED for j in columns]).T
        newest = newest_words(np.isfinite(rates), recent)
        older = np.where(newest.mask, np.nan, rates)[:, :-recent]
        low, usual, high = quantiles(np.ascontiguousarray(older), 0.1, 0.5, 0.9)
        wanted = np.clip(0.5 * rates.shape[1] / newest.rhythm, LEAST_WORDS, self._settings.min_points)
        enough = (np.isfinite(older).sum(axis=1) >= wanted) & newest.are_there
        low, high = usual - WIDER * (usual - low), usual + WIDER * (high - usual)
        low, high, unlikely, known = self._expected(view, columns, newest.mask, low, high)
        with np.errstate(invalid="ignore"):
            usual = np.where(known, 0.5 * (low + high), usual)
            unlikely |= self._keep_open(view, columns, (low, usual, high))
            least = np.where(newest.mask, rates, np.inf).min(axis=1)
            most = np.where(newest.mask, rates, -np.inf).max(axis=1)
            spike = (least > high) & (least >= np.maximum(SPIKE * usual, LEAST_RATE))
            drop = (most < low) & (most <= DROP * usual)
            drop &= usual * window.step_s * recent * newest.rhythm >= EXPECTED
        shapes = [
            self._shape(view, columns[i], rates[i], newest.mask[i], (low[i], usual[i], high[i]), bool(known[i]))
            for i in np.flatnonzero((spike | drop) & enough & unlikely)
        ]
        return findings_of(self._SPEAKER, window, shapes, view.open)

    def _expected(
        self, view: View, columns: list[int], newest: Bools, low: Floats, high: Floats
    ) -> tuple[Floats, Floats, Bools, Bools]:
        """The expected band of each, whether one of the newest steps is unlikely, and whether the baseline says so."""
        unlikely, known = np.ones(len(columns), dtype=bool), np.zeros(len(columns), dtype=bool)
        scores = view.scores.get("red")
        if scores is not None and scores.ready.shape == (len(view.red.series),) and len(scores.low):
            known = scores.ready[columns] & np.isfinite(scores.low[-1, columns]) & np.isfinite(scores.high[-1, columns])
            low[known], high[known] = scores.low[-1, columns][known], scores.high[-1, columns][known]
            told = newest[:, -len(scores.sudden) :].T
            surprise = np.where(told, np.fmax(scores.sudden, scores.unusual)[:, columns], 0.0).max(axis=0)
            unlikely = ~known | (surprise >= SURE)
        return low, high, unlikely, known

    def _keep_open(self, view: View, columns: list[int], band: tuple[Floats, Floats, Floats]) -> Bools:
        """Open findings keep the band that they were opened with; which those are."""
        kept = np.zeros(len(columns), dtype=bool)
        for place, column in enumerate(columns):
            info = view.red.series[column]
            known = view.open.get(shape_fingerprint(self.name, info.entity))
            evidence = known.evidence[0] if known is not None and known.evidence else None
            if evidence is None or evidence.expected is None or evidence.attributes != info.attributes:
                continue
            (band[0][place], band[2][place]), band[1][place] = evidence.expected, evidence.values["usual"]
            kept[place] = True
        return kept

    def _shape(
        self, view: View, column: int, rates: Floats, newest: Bools, band: tuple[float, float, float], is_known: bool
    ) -> Shape:
        info, (low, usual, high) = view.red.series[column], map(float, band)
        level = float(np.median(rates[newest]))
        is_drop = level < usual
        what = f"{'fell' if is_drop else 'rose'} to {said(level, info)}"
        expected = f"{said(low, info)} to {said(high, info)}"
        compared = f"where {expected} is usual {'by its own past' if is_known else 'in this window'}"
        return Shape(
            column,
            1.0 - min(level, usual) / max(level, usual, 1e-12),
            int(newest.argmax()),
            what,
            compared,
            Severity.WARNING if is_drop and level <= STOPPED * usual else Severity.INFO,
            (low, high),
            {"level": level, "usual": usual},
        )


def _silence_filled(rates: Floats, reported: list[bool]) -> Floats:
    """Where spans tell of requests, a silent step after the first request is a step without one."""
    begun = np.maximum.accumulate(np.isfinite(rates), axis=0)
    silent = begun & ~np.isfinite(rates) & ~np.array(reported, dtype=bool)[None, :]
    return np.where(silent, 0.0, rates)

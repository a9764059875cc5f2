"""Three weeks of a shop that is well: peaks by day and week, a holiday, noise; nobody should be woken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkept.evaluation.simulated.stage import (
    DAY_S,
    EPOCH_S,
    Floats,
    Heard,
    Played,
    cut,
    play,
    rhythm,
    view,
    weekend,
    window_of,
)
from wellkept.kernel.finding import Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.spine.plugins import load
from wellkept.store.telemetry.window import SeriesInfo, Window

DAYS = 21
STEP_S = 600.0
HOLIDAY = 10
"""The day that is as quiet as a Sunday."""


@dataclass(frozen=True, slots=True)
class _Shop:
    """One service with its host: numbers that say how it behaves."""

    seed: int
    rate: float
    phase: float
    sharpness: float
    quiet: float
    noise: float
    collected_s: float
    """Garbage is collected so often."""

    @classmethod
    def of(cls, seed: int) -> _Shop:
        random = np.random.default_rng([5, seed])
        return cls(
            seed,
            rate=float(random.uniform(5, 200)),
            phase=float(random.uniform(0, 24)),
            sharpness=float(random.uniform(1, 4)),
            quiet=float(random.uniform(0.3, 0.9)),
            noise=float(random.uniform(0.03, 0.12)),
            collected_s=float(random.uniform(300, 5000)),
        )

    def load(self, times: Floats) -> Floats:
        """How busy it is, from 0.1 to 1: float64[T]."""
        hours = (times - EPOCH_S) / 3600.0
        calm = weekend(hours) | (hours // 24 == HOLIDAY)
        return 0.1 + 0.9 * rhythm(hours, self.phase, self.sharpness) * np.where(calm, self.quiet, 1.0)

    def spans(self, times: Floats, random: np.random.Generator, step_s: float) -> dict[str, Floats]:
        load = self.load(times)
        rate = random.poisson(self.rate * load * step_s) / step_s
        wobble = 1 + self.noise * random.normal(size=len(times))
        errors = random.poisson(0.002 * self.rate * load * step_s) / step_s
        return {"span.rate": rate, "span.duration.p95": 0.04 * (1 + 1.5 * load**2) * wobble, "span.errors": errors}

    def metrics(self, times: Floats, random: np.random.Generator) -> dict[str, Floats]:
        load = self.load(times)
        wobble = 1 + self.noise * random.normal(size=len(times))
        saw = 0.5e9 * ((times / self.collected_s) % 1.0)
        return {
            "process.cpu.utilization": np.clip(0.75 * load * wobble, 0, 1),
            "process.memory.usage": 1e9 + 1.2e9 * load + saw + 1e7 * random.normal(size=len(times)),
            "process.memory.limit": np.full(len(times), 4e9),
            "app.queue.depth": np.maximum(0.0, np.round(80 * load**2 * wobble)),
            "app.payload": 500 * wobble,
        }

    def disk(self, times: Floats, random: np.random.Generator) -> dict[str, Floats]:
        used = 40e9 + 35e9 * self.load(times) + 2e8 * random.normal(size=len(times))
        return {"system.filesystem.usage": used, "system.filesystem.limit": np.full(len(times), 100e9)}


def evaluate(seeds: Sequence[int], every_s: float = 600.0) -> dict[str, dict[str, Any]]:
    """Pages (warnings and worse) and information that all our detectors gave in three weeks.

    ``every_s``: seconds between two looks.
    """
    settings = DetectSettings()
    shops = [_Shop.of(seed) for seed in seeds]
    long = _long(shops)
    detectors = [detector(settings) for detector in load("detector").values()]
    looks = range(round(every_s), round(DAYS * DAY_S) + 1, round(every_s))
    heard = play(detectors, looks, lambda at_s: _shown(shops, long, float(at_s), settings))
    return {"seasonal_peaks": _result(heard, len(shops))}


def _result(heard: Heard, shops: int) -> dict[str, Any]:
    pages = {
        (f.fingerprint, round(at_s // 3600)): f.detector
        for said in heard.by_entity.values()
        for at_s, f in said
        if f.severity > Severity.INFO
    }
    told = {
        (f.fingerprint, round(at_s // 3600))
        for said in heard.by_entity.values()
        for at_s, f in said
        if f.severity is Severity.INFO
    }
    return {
        "series": shops * 8,
        "found": 0,
        "missed": 0,
        "false_alarms": len(pages),
        "by_detector": dict(sorted(Counter(pages.values()).items())),
        "false_information_hours_per_series_week": round(len(told) / (shops * 8 * DAYS / 7), 3),
    }


def _long(shops: Sequence[_Shop]) -> Window:
    times = EPOCH_S + STEP_S * np.arange(1, round(DAYS * DAY_S / STEP_S) + 1).astype(np.float64)
    return window_of(_played(shops, times, 0), STEP_S)


def _played(shops: Sequence[_Shop], times: Floats, salt: int) -> list[Played]:
    found: list[Played] = []
    for shop in shops:
        random = np.random.default_rng([6, shop.seed, salt])
        found.append(Played(f"service:shop/{shop.seed}", shop.metrics(times, random)))
        found.append(Played(f"disk:h{shop.seed}:/data", shop.disk(times, random)))
    return found


def _shown(shops: Sequence[_Shop], long: Window, at_s: float, settings: DetectSettings) -> View:
    start_s = EPOCH_S + at_s - settings.window_s
    times = start_s + settings.step_s * np.arange(1, settings.steps + 1).astype(np.float64)
    fine = window_of(_played(shops, times, round(at_s)), settings.step_s, start_s)
    series: list[SeriesInfo] = []
    columns: list[Floats] = []
    for shop in shops:
        random = np.random.default_rng([7, shop.seed, round(at_s)])
        for name, values in shop.spans(times, random, settings.step_s).items():
            series.append(SeriesInfo(10_000 + len(series), name, "", "derived", f"service:shop/{shop.seed}"))
            columns.append(values)
    red = Window(times, np.stack(columns, axis=1), tuple(series))
    last = round(at_s / STEP_S)
    return view(fine, red=red, long=cut(long, last - 14 * 144, last))

"""Changes of every shape in single series, each beside series that only look like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkept.evaluation.simulated.stage import Floats, Heard, Played, cut, play, rhythm, view, weekend, window_of
from wellkept.kernel.finding import Severity
from wellkept.ops.detect.base import Detector, DetectSettings
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.flat import Flat
from wellkept.ops.detect.detectors.level import LevelShift
from wellkept.ops.detect.detectors.missing import MissingData
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.detectors.traffic import Traffic
from wellkept.ops.detect.detectors.trend import TrendBreak
from wellkept.ops.detect.detectors.variance import Variance
from wellkept.store.telemetry.window import Window

MINUTES, ONSET = 120, 60
"""A simulation of minutes lasts so long, and changes after so many of them."""
STEP_S, FINE_S, DAYS = 600.0, 10.0, 14
Make = Callable[[np.random.Generator, Floats], Floats]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A change, or what looks like one: how its series is made, what it is called, and who should say it."""

    name: str
    make: Make
    series: str = "app.gauge"
    unit: str = "1"
    detector: str = ""
    """Empty: nobody should say anything."""


def _noise(random: np.random.Generator, clock: Floats) -> Floats:
    level = random.uniform(10, 100)
    return level + level * random.uniform(0.02, 0.1) * random.normal(size=len(clock))


def _stuck(random: np.random.Generator, clock: Floats) -> Floats:
    values = _noise(random, clock)
    return np.where(clock >= ONSET, values[np.searchsorted(clock, ONSET)], values)


def _restless(random: np.random.Generator, clock: Floats) -> Floats:
    values = _noise(random, clock)
    centre = float(values.mean())
    return np.where(clock >= ONSET, centre + random.uniform(5, 8) * (values - centre), values)


def _calm(random: np.random.Generator, clock: Floats) -> Floats:
    values = _noise(random, clock)
    centre = float(values.mean())
    return np.where(clock >= ONSET, centre + (values - centre) / random.uniform(6, 10), values)


def _silent(random: np.random.Generator, clock: Floats) -> Floats:
    return np.where(clock >= ONSET, np.nan, _noise(random, clock))


def _rates(factor: tuple[float, float]) -> Make:
    def make(random: np.random.Generator, clock: Floats) -> Floats:
        usual = random.uniform(5, 200)
        rate = random.poisson(usual * FINE_S, len(clock)) / FINE_S
        rate = rate * (1.0 + 0.1 * np.sin(2 * np.pi * clock / random.uniform(15, 60)))
        return np.where(clock >= ONSET, rate * random.uniform(*factor), rate)

    return make


def _jump(random: np.random.Generator, clock: Floats) -> Floats:
    return _noise(random, clock) * np.where(clock >= ONSET, random.uniform(1.5, 3.0), 1.0)


def _steps(random: np.random.Generator, clock: Floats) -> Floats:
    """A whole number that seldom changes."""
    return np.asarray(5 + np.floor(clock / random.uniform(2, 20)) % 4)


def _blips(random: np.random.Generator, clock: Floats) -> Floats:
    return _noise(random, clock) * np.where(random.random(len(clock)) < 0.01, random.uniform(3, 10), 1.0)


def _reset(random: np.random.Generator, clock: Floats) -> Floats:
    """A counter's rate: at its restart one step is short, and the first may be missing."""
    rate = random.poisson(50 * FINE_S, len(clock)) / FINE_S
    at = np.searchsorted(clock, ONSET)
    rate[at] = rate[at] * random.random()
    rate[at - 1] = np.nan
    return np.asarray(rate)


def _deploy(random: np.random.Generator, clock: Floats) -> Floats:
    """Latency after a release: somewhat higher, and it stays."""
    return (0.05 + 0.004 * random.normal(size=len(clock))) * np.where(clock >= ONSET, random.uniform(1.1, 1.6), 1.0)


MINUTE_KINDS = (
    _Kind("flat", _stuck, detector="flat"),
    _Kind("variance_up", _restless, detector="variance"),
    _Kind("variance_down", _calm, detector="variance"),
    _Kind("missing", _silent, detector="missing"),
    _Kind("spike", _rates((4.0, 8.0)), "span.rate", "1/s", "traffic"),
    _Kind("drop", _rates((0.02, 0.25)), "span.rate", "1/s", "traffic"),
    _Kind("steady_traffic", _rates((0.8, 1.3)), "span.rate", "1/s"),
    _Kind("noise", _noise),
    _Kind("seldom_changes", _steps),
    _Kind("blips", _blips),
    _Kind("jump", _jump),
    _Kind("counter_reset", _reset, "app.requests", "1/s"),
    _Kind("deploy", _deploy, "span.duration.p95", "s"),
)


def _day(random: np.random.Generator, hours: Floats) -> Floats:
    level = random.uniform(20, 100)
    load = rhythm(hours, random.uniform(0, 24), random.uniform(1, 3)) * np.where(
        weekend(hours), random.uniform(0.3, 1), 1
    )
    values: Floats = level * (1 + random.uniform(0.2, 1.0) * load + 0.03 * random.normal(size=len(hours)))
    return values


def _shifted(random: np.random.Generator, hours: Floats) -> Floats:
    values = _day(random, hours)
    size = float(np.ptp(values)) * random.uniform(0.6, 1.2) * random.choice([-1.0, 1.0])
    shifted: Floats = values + size * np.clip((hours - 240.0) / random.uniform(0.1, 1.5), 0, 1)
    return shifted


def _trending(random: np.random.Generator, hours: Floats) -> Floats:
    values = _day(random, hours)
    return values + float(np.ptp(values)) * random.uniform(0.5, 1.2) / 24.0 * np.maximum(0.0, hours - 240.0)


DAY_KINDS = (
    _Kind("level_shift", _shifted, detector="level"),
    _Kind("trend_break", _trending, detector="trend"),
    _Kind("daily_and_weekly", _day),
)


def evaluate(seeds: Sequence[int], every: int = 6) -> dict[str, dict[str, Any]]:
    """By kind: how many changes their detector found and how soon, and alarms where there was none.

    ``every``: how many steps lie between two looks. Delays are in seconds.
    """
    settings = DetectSettings()
    clock = np.arange(1, MINUTES * 6 + 1) / 6.0
    quick: tuple[Detector, ...] = (
        Flat(settings), Variance(settings), Traffic(settings), MissingData(settings), RobustAnomaly(settings),
        Exhaustion(settings),
    )  # fmt: skip
    made = _made(MINUTE_KINDS, seeds, clock)
    fine = window_of([one for kind, one in made if not kind.series.startswith("span.")], FINE_S)
    red = window_of([one for kind, one in made if kind.series.startswith("span.")], FINE_S)
    steps = range(settings.steps // 2, len(clock) + 1, every)
    heard = play(quick, steps, lambda step: view(
        cut(fine, step - settings.steps, step), red=cut(red, step - settings.steps, step)))  # fmt: skip
    results = _told(MINUTE_KINDS, seeds, heard, ONSET * 60.0)
    hours = np.arange(1, DAYS * 144 + 1) / 6.0
    long = window_of([one for _, one in _made(DAY_KINDS, seeds, hours)], STEP_S)
    nothing = Window(long.times[:0], np.empty((0, 0)), ())
    slow: tuple[Detector, ...] = (LevelShift(settings), TrendBreak(settings))
    heard = play(slow, range(144, len(hours) + 1, every), lambda step: view(nothing, long=cut(long, 0, step)))
    return results | _told(DAY_KINDS, seeds, heard, 240 * 3600.0)


def _made(kinds: Sequence[_Kind], seeds: Sequence[int], clock: Floats) -> list[tuple[_Kind, Played]]:
    return [
        (kind, Played(_entity(kind, seed), {kind.series: kind.make(_random(kind, seed), clock)}, kind.unit))
        for kind in kinds
        for seed in seeds
    ]


def _random(kind: _Kind, seed: int) -> np.random.Generator:
    return np.random.default_rng([4, seed, *kind.name.encode()])


def _entity(kind: _Kind, seed: int) -> str:
    return f"service:{kind.name}/{seed}"


def _told(kinds: Sequence[_Kind], seeds: Sequence[int], heard: Heard, onset_s: float) -> dict[str, dict[str, Any]]:
    return {kind.name: _result(kind, seeds, heard.by_entity, onset_s) for kind in kinds}


def _result(kind: _Kind, seeds: Sequence[int], heard: Mapping[str, Any], onset_s: float) -> dict[str, Any]:
    delays: list[float] = []
    alarms = told = 0
    for seed in seeds:
        said = heard.get(_entity(kind, seed), ())
        before = [f for at_s, f in said if not kind.detector or at_s <= onset_s]
        alarms += any(finding.severity > Severity.INFO for finding in before)
        told += bool(before)
        after = [at_s - onset_s for at_s, f in said if at_s > onset_s and f.detector == kind.detector]
        delays.extend(after[:1])
    return {
        "series": len(seeds),
        "found": len(delays),
        "missed": len(seeds) - len(delays) if kind.detector else 0,
        "false_alarms": alarms,
        "false_information": told,
        "delay_s": round(float(np.median(delays))) if delays else None,
    }

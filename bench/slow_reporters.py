"""Who reports more rarely than every step: false alarms, and how soon trouble is told.

    python -m bench.slow_reporters [--json] [--series 60] [--hours 12]

A value every 1, 2, 3 and 6 steps of 10 s (one in ten a step late), through one detector at a time, looked at every 30
s; ``robust`` judges latencies, ``traffic`` requests per second, ``flat`` and ``variance`` a gauge. ``false_alarms``:
findings a series and week of healthy noise, by its kind (seed 1). ``trouble``: for ``robust`` six times as slow and
0.3 s more in the last ten minutes; for ``traffic`` a tenth of the requests in as many; for ``flat`` one value, and
for ``variance`` eight times the spread, in the last half hour: how many were told, and the median seconds until they
were (seed 2). Nothing is stored and no server runs: this is about what is said, and not about speed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.checks.scenes import Story
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.detectors.flat import Flat
from wellkept.ops.detect.detectors.robust import RobustAnomaly
from wellkept.ops.detect.detectors.traffic import Traffic
from wellkept.ops.detect.detectors.variance import Variance
from wellkept.store.telemetry.indicators import REPORTED

Floats = NDArray[np.float64]

STEP_S, LOOK_EVERY, FIRST_LOOK, WEEK_H = 10.0, 3, 200, 168
EVERY = (1, 2, 3, 6)
KINDS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda chance, steps: 0.05 + 0.006 * chance.standard_normal(steps),
    "lognormal": lambda chance, steps: 0.05 * np.exp(0.5 * chance.standard_normal(steps)),
    "wandering": lambda chance, steps: 0.05 * np.exp(0.5 * _wandering(chance, steps)),
    "spikes": lambda chance, steps: np.where(
        chance.random(steps) < 0.01, 1.0, 0.05 + 0.006 * chance.standard_normal(steps)
    ),
    "heavy": lambda chance, steps: 0.02 + 0.05 * np.abs(chance.standard_t(2, steps)),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A detector, and the trouble that it is for: what becomes of values in so many last steps."""

    detector: Detector
    metric: str
    steps: int
    trouble: Callable[[Floats], Floats]
    times: float = 1.0
    """What is judged is so many times as large."""


TRIALS = (
    Trial(RobustAnomaly(), "span.duration.p95", 60, lambda values: 6 * values + 0.3),
    Trial(Traffic(), "span.rate", 60, lambda values: 0.1 * values, 400.0),
    Trial(Flat(), "app.load", 180, lambda values: np.full_like(values, values[0])),
    Trial(Variance(), "app.load", 180, lambda values: np.abs(0.05 + 8 * (values - 0.05))),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--hours", type=int, default=12)
    options = parser.parse_args()
    weeks = options.series * options.hours / WEEK_H
    answers = {}
    for trial in TRIALS:
        alarms = {
            kind: {
                every * STEP_S: round(len(told(trial, options.series, options.hours, kind, every, 1)) / weeks, 2)
                for every in EVERY
            }
            for kind in KINDS
        }
        found = {every * STEP_S: trouble(trial, options.series, options.hours, every) for every in EVERY}
        answers[trial.detector.name] = {"false_alarms": alarms, "trouble": found}
        if options.as_json:
            continue
        for kind, by_rhythm in alarms.items():
            rates = "  ".join(f"every {every:g} s: {rate}" for every, rate in by_rhythm.items())
            print(f"{trial.detector.name:10} {kind:10} {rates}")
        for apart, (count, seconds) in found.items():
            print(f"{trial.detector.name:10} every {apart:g} s: {count} of {options.series} told, after {seconds} s")
    if options.as_json:
        print(json.dumps(answers))


def trouble(trial: Trial, series: int, hours: int, every: int) -> tuple[int, float | None]:
    """How many troubles were told, and the median seconds until they were."""
    since = hours * 360 - trial.steps
    first: dict[str, int] = {}
    for entity, step in told(trial, series, hours, "normal", every, 2, since):
        if step >= since:
            first.setdefault(entity, step)
    return len(first), float(np.median(list(first.values())) - since) * STEP_S if first else None


def told(
    trial: Trial, series: int, hours: int, kind: str, every: int, seed: int, since: int | None = None
) -> list[tuple[str, int]]:
    """The findings that were opened, in order: about whom, and at which step."""
    scene = _story(trial, series, hours * 360, kind, every, seed, since).scene()
    settings, opened, known = DetectSettings(), list[tuple[str, int]](), dict[str, Finding]()
    for last in range(FIRST_LOOK, hours * 360 + 1, LOOK_EVERY):
        now = scene.between(max(0, last - settings.steps), last)
        view = View(now.metrics, now.red, now.exclusive, now.logs, now.step_s, now.graph, known)
        said = {finding.fingerprint: finding for finding in trial.detector.detect(view, now.now)}
        opened += [(finding.entity, last) for key, finding in said.items() if key not in known]
        known = said
    return opened


def _story(trial: Trial, series: int, steps: int, kind: str, every: int, seed: int, since: int | None) -> Story:
    story, chance = Story(steps=steps, step_s=STEP_S, seed=seed), np.random.default_rng(seed)
    for number in range(series):
        values = trial.times * np.abs(KINDS[kind](chance, steps))
        if since is not None:
            values = np.concatenate([values[:since], trial.trouble(values[since:])])
        if every > 1:
            places = chance.integers(every) + np.arange(0, steps, every)
            places = places + (chance.random(len(places)) < 0.1)
            values = np.where(np.isin(np.arange(steps), places), values, np.nan)
        if trial.metric.startswith("span."):
            story.span(f"service:shop/{number}", trial.metric, values, "s", REPORTED)
        else:
            story.metric(f"service:shop/{number}", trial.metric, values)
    return story


def _wandering(chance: np.random.Generator, steps: int) -> Floats:
    values, noise = np.zeros(steps), 0.1 * chance.standard_normal(steps)
    for step in range(1, steps):
        values[step] = 0.98 * values[step - 1] + noise[step]
    return values


if __name__ == "__main__":
    main()

"""Sudden changes of who reports more rarely than every step: false alarms, and how soon a jump is told.

    python -m bench.slow_reporters [--json] [--series 60] [--hours 12]

Latencies of services, a value every 1, 2, 3 and 6 steps of 10 s (one in ten a step late), through ``robust`` alone,
looked at every 30 s. ``false_alarms``: findings a series and week of healthy noise, by its kind (seed 1).
``jump``: six times as slow and 0.3 s more in the last ten minutes; how many were told, and the median seconds until
they were (seed 2). Nothing is stored and no server runs: this is about what is said, and not about speed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wellkept.checks.scenes import Story
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.detectors.robust import RobustAnomaly

Floats = NDArray[np.float64]

STEP_S, LOOK_EVERY, FIRST_LOOK, JUMP_STEPS, WEEK_H = 10.0, 3, 200, 60, 168
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--hours", type=int, default=12)
    options = parser.parse_args()
    weeks = options.series * options.hours / WEEK_H
    alarms = {
        kind: {
            every * STEP_S: round(len(told(options.series, options.hours, kind, every, 1)) / weeks, 2)
            for every in EVERY
        }
        for kind in KINDS
    }
    jumps = {every * STEP_S: jump(options.series, options.hours, every) for every in EVERY}
    if options.as_json:
        print(json.dumps({"false_alarms": alarms, "jump": jumps}))
        return
    for kind, by_rhythm in alarms.items():
        print(f"{kind:10} " + "  ".join(f"every {every:g} s: {rate}" for every, rate in by_rhythm.items()))
    for every, (count, seconds) in jumps.items():
        print(f"a jump, every {every:g} s: {count} of {options.series} told, after {seconds} s")


def jump(series: int, hours: int, every: int) -> tuple[int, float | None]:
    """How many jumps were told, and the median seconds until they were."""
    since = hours * 360 - JUMP_STEPS
    first: dict[str, int] = {}
    for entity, step in told(series, hours, "normal", every, 2, since):
        if step >= since:
            first.setdefault(entity, step)
    return len(first), float(np.median(list(first.values())) - since) * STEP_S if first else None


def told(series: int, hours: int, kind: str, every: int, seed: int, since: int | None = None) -> list[tuple[str, int]]:
    """The findings that were opened, in order: about whom, and at which step."""
    scene = _story(series, hours * 360, kind, every, seed, since).scene()
    settings, opened, known = DetectSettings(), list[tuple[str, int]](), dict[str, Finding]()
    detector = RobustAnomaly(settings)
    for last in range(FIRST_LOOK, hours * 360 + 1, LOOK_EVERY):
        now = scene.between(max(0, last - settings.steps), last)
        view = View(now.metrics, now.red, now.exclusive, now.logs, now.step_s, now.graph, known)
        said = {finding.fingerprint: finding for finding in detector.detect(view, now.now)}
        opened += [(finding.entity, last) for key, finding in said.items() if key not in known]
        known = said
    return opened


def _story(series: int, steps: int, kind: str, every: int, seed: int, since: int | None) -> Story:
    story, chance, clock = Story(steps=steps, step_s=STEP_S, seed=seed), np.random.default_rng(seed), np.arange(steps)
    for number in range(series):
        values = np.abs(KINDS[kind](chance, steps))
        if since is not None:
            values = np.where(clock >= since, 6 * values + 0.3, values)
        if every > 1:
            places = chance.integers(every) + np.arange(0, steps, every)
            places = places + (chance.random(len(places)) < 0.1)
            values = np.where(np.isin(clock, places), values, np.nan)
        story.span(f"service:shop/{number}", "span.duration.p95", values, "s")
    return story


def _wandering(chance: np.random.Generator, steps: int) -> Floats:
    values, noise = np.zeros(steps), 0.1 * chance.standard_normal(steps)
    for step in range(1, steps):
        values[step] = 0.98 * values[step - 1] + noise[step]
    return values


if __name__ == "__main__":
    main()

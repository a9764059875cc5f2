"""How long all detectors take over 5,000 series of 120 steps, against one pass of sorting the same numbers.

    python bench/detect.py [--series 5000] [--steps 120] [--rounds 5] [--baseline 100000]

Prints, per detector and in total, the best of the rounds in milliseconds, and the ratio to a plain ``numpy.sort`` of
the same array measured in the same run, which is the least that anything with medians has to do. The last line is one
step of the baseline over ``--baseline`` series: to score it and to learn from it, on one core, and what it keeps of a
series. ``bench/live_detection.py`` measures both beside ingest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from wellkept.checks.scenes import Story
from wellkept.ops.detect.base import Detector, DetectSettings, View
from wellkept.ops.detect.baseline import Baseline
from wellkept.spine.plugins import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--baseline", type=int, default=100_000)
    chosen = parser.parse_args()
    view = crowd(chosen.series, chosen.steps)
    settings = DetectSettings(window_s=chosen.steps * 10.0)
    detectors: list[Detector] = [kind(settings) for kind in load("detector").values()]
    now = Story().scene().now
    numbers = np.ascontiguousarray(np.concatenate([view.metrics.values, view.red.values], axis=1).T)
    floor = best(lambda: np.sort(numbers, axis=1), chosen.rounds)
    total = 0.0
    print(f"{numbers.shape[0]} series x {numbers.shape[1]} steps; one sort of them: {floor * 1e3:.1f} ms")
    for detector in detectors:
        taken = best(lambda detector=detector: detector.detect(view, now), chosen.rounds)  # type: ignore[misc]
        total += taken
        said = len(detector.detect(view, now))
        print(f"{detector.name:16s} {taken * 1e3:8.1f} ms  {taken / floor:5.1f} sorts  {said} findings")
    print(f"{'all':16s} {total * 1e3:8.1f} ms  {total / floor:5.1f} sorts")
    baseline, values = Baseline(chosen.baseline), np.random.default_rng(2).standard_normal((64, 1, chosen.baseline))
    steps = []
    for number, step in enumerate(values):
        begun = time.process_time()
        baseline.advance(np.array([1.7e9 + 10.0 * number]), step)
        steps.append(time.process_time() - begun)
    usual, worst = np.median(steps[16:]), max(steps[16:])  # the first steps touch their memory for the first time
    print(
        f"baseline         {usual * 1e3:8.1f} ms a step of {chosen.baseline} series on one core, {worst * 1e3:.1f} at "
        f"worst; {baseline.state_bytes} bytes a series"
    )


def crowd(series: int, steps: int) -> View:
    """Services with latency, rate, errors, CPU, memory and its limit; of a hundred one leaks and one is slow."""
    story = Story(steps=steps, seed=11)
    for number in range(series // 6):
        entity = f"service:crowd/{number:05d}"
        story.service(entity)
        leak = 2.5e6 * story.clock if number % 100 == 0 else 0.0
        story.memory(entity, 100e6 + leak + story.noise(2e6, 1e6), 512e6)
        if number % 100 == 1:
            story.metric(entity, "system.cpu.utilization", np.where(story.clock > steps - 9, 0.01, 0.8))
    scene = story.scene()
    return View(scene.metrics, scene.red, scene.exclusive, scene.logs, scene.step_s, scene.graph)


def best(work: Callable[[], object], rounds: int) -> float:
    """The shortest of several runs, in seconds: what the work takes when nobody disturbs it."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


if __name__ == "__main__":
    main()

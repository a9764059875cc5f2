"""Memory: leaks under garbage collection and restarts, and memory that only looks like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkept.evaluation.simulated.stage import Floats, Heard, Played, cut, play, rhythm, view, weekend, window_of
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.ops.detect.detectors.leak import Leak
from wellkept.store.telemetry.window import Window

STEP_S, DAYS = 600.0, 14
LIMIT = 100e9
LEAKING = ("leak", "leak_restarts", "leak_late", "leak_hours")
HEALTHY = ("sawtooth", "sawtooth_restarts", "drift", "warm_up", "weekly", "new_version")
NAMES = ("process.memory.usage", "process.memory.limit")
_FINE_S, _FINE_HOURS = 10.0, 7


@dataclass(frozen=True, slots=True)
class _Case:
    """``used``: memory by step. ``since``: the step in which the leak begins."""

    kind: str
    seed: int
    used: Floats
    since: int = 0

    @property
    def entity(self) -> str:
        return f"service:{self.kind}/{self.seed}"

    def played(self) -> Played:
        used, limit = NAMES
        return Played(self.entity, {used: self.used, limit: np.full(len(self.used), LIMIT)})


def evaluate(seeds: Sequence[int], every: int = 6) -> dict[str, dict[str, Any]]:
    """By kind: leaks found with how much of the way to the limit left, and alarms about healthy memory.

    ``every``: how many steps of ten minutes lie between two looks.
    """
    slow = [_days(kind, seed) for kind in (*LEAKING[:3], *HEALTHY) for seed in seeds]
    quick = [_hours(kind, seed) for kind in (LEAKING[3], "sawtooth_hours") for seed in seeds]
    results = _told(slow, _play_days(slow, every), STEP_S)
    return results | _told(quick, _play_hours(quick), _FINE_S)


def _play_days(cases: Sequence[_Case], every: int) -> Heard:
    settings = DetectSettings()
    long = window_of([case.played() for case in cases], STEP_S)
    nothing = Window(long.times[:0], np.empty((0, 0)), ())
    total = len(long.times)
    return play((Leak(settings), Exhaustion(settings)), range(every, total + 1, every), lambda step: view(
        nothing, long=cut(long, step - DAYS * 144, step)))  # fmt: skip


def _play_hours(cases: Sequence[_Case]) -> Heard:
    settings = DetectSettings()
    fine = window_of([case.played() for case in cases], _FINE_S)
    steps = range(settings.steps // 2, len(fine.times) + 1, 6)
    return play((Leak(settings), Exhaustion(settings)), steps, lambda step: view(
        cut(fine, step - settings.steps, step)))  # fmt: skip


def _told(cases: Sequence[_Case], heard: Heard, step_s: float) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(case.kind for case in cases):
        mine = [case for case in cases if case.kind == kind]
        results[kind] = _leaking(mine, heard, step_s) if kind in LEAKING else _healthy(mine, heard)
    return results


def _healthy(cases: Sequence[_Case], heard: Heard) -> dict[str, Any]:
    alarms = sum(heard.first(case.entity) is not None for case in cases)
    return {"series": len(cases), "found": 0, "missed": 0, "false_alarms": alarms}


def _leaking(cases: Sequence[_Case], heard: Heard, step_s: float) -> dict[str, Any]:
    left, lead, early = [], [], 0
    for case in cases:
        early += bool(heard.before(case.entity, case.since * step_s))
        said = heard.first(case.entity, since_s=case.since * step_s)
        full = np.flatnonzero(case.used >= LIMIT)
        end_s = step_s * (full[0] if len(full) else len(case.used))
        if said is None or said[0] > end_s:
            continue
        at = max(0, round(said[0] / step_s) - 1)
        around = round(4 * 3600 / step_s) if step_s == STEP_S else 60
        level = float(case.used[max(0, at - around) : at + 1].max())
        start = float(case.used[case.since : case.since + around].max())
        left.append((LIMIT - level) / (LIMIT - start))
        lead.append(end_s - said[0])
    return {
        "series": len(cases),
        "found": len(left),
        "missed": len(cases) - len(left),
        "false_alarms": early,
        "found_with_half_left": sum(share >= 0.5 for share in left),
        "way_left": round(float(np.median(left)), 3) if left else None,
        "lead_time_s": round(float(np.median(lead))) if lead else None,
    }


def _days(kind: str, seed: int) -> _Case:
    """Two weeks in steps of ten minutes. 100 is the limit."""
    random = np.random.default_rng([1, seed, *kind.encode()])
    count = DAYS * 144
    hours = np.arange(count) / 6.0
    base, swing = random.uniform(15, 30), random.uniform(5, 25)
    used = base + _sawtooth(random, count, swing, random.uniform(0.4, 8.0) * 6)
    used += random.uniform(0, 4) * rhythm(hours, random.uniform(0, 24)) + random.normal(0, 0.7, count)
    since = 0
    grown: Floats = np.zeros(count)
    if kind in LEAKING:
        since = count // 3 if kind == "leak_late" else 0
        way = 100 - base - swing
        days = random.uniform(2.5, 8.0) if kind == "leak_late" else random.uniform(3.0, 13.0)
        grown = np.maximum(0.0, np.arange(count) - since) * way / (days * 144)
    if kind in ("leak_restarts", "sawtooth_restarts"):
        for at in np.cumsum(random.uniform(2.0, 5.0, 12) * 144).astype(int):
            if at < count:
                grown[at:] -= grown[at]
                used[at : at + 2] = base
    elif kind == "drift":
        grown = _drift(random, count, 6.0)
    elif kind == "warm_up":
        grown = random.uniform(20, 40) * (1 - np.exp(-np.arange(count) / (random.uniform(0.2, 2.0) * 144)))
    elif kind == "weekly":
        grown = np.where(weekend(hours), 0.0, random.uniform(5, 20) * rhythm(hours, 2.0))
    elif kind == "new_version":
        grown = np.where(np.arange(count) > random.integers(count // 4, count), random.uniform(10, 30), 0.0)
    return _Case(kind, seed, np.maximum(1.0, used + grown) * 1e9, since)


def _hours(kind: str, seed: int) -> _Case:
    """Seven hours in steps of ten seconds: a leak that takes one to six of them, or none."""
    random = np.random.default_rng([2, seed, *kind.encode()])
    count = round(_FINE_HOURS * 3600 / _FINE_S)
    base, swing = random.uniform(15, 30), random.uniform(3, 15)
    used = base + _sawtooth(random, count, swing, random.uniform(6, 20)) + random.normal(0, 0.5, count)
    since = 0
    if kind == "leak_hours":
        since = round(random.uniform(0.6, 1.0) * 360)
        used += np.maximum(0, np.arange(count) - since) * (100 - base - swing) / (random.uniform(1.0, 6.0) * 360)
    return _Case(kind, seed, np.maximum(1.0, used) * 1e9, since)


def _sawtooth(random: np.random.Generator, count: int, swing: float, period: float) -> Floats:
    """Rises evenly and falls back at once, never after quite the same time: float64[count]."""
    lengths = np.maximum(2, period * random.uniform(0.8, 1.2, int(2 * count / period) + 4))
    ends = np.cumsum(lengths)
    place = np.searchsorted(ends, np.arange(count), side="right")
    begun = np.concatenate([[0.0], ends])[place]
    saw: Floats = swing * (np.arange(count) - begun) / lengths[place]
    return saw


def _drift(random: np.random.Generator, count: int, spread: float) -> Floats:
    """Wanders about zero, with a memory of two days."""
    keep = np.exp(-1 / 288)
    noise = random.normal(0, spread * np.sqrt(1 - keep**2), count)
    found = np.empty(count)
    last = 0.0
    for step in range(count):
        last = keep * last + noise[step]
        found[step] = last
    return found

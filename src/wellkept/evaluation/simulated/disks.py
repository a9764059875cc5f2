"""Disks with the rhythms of days and weeks: some fill, and the forecast is held against the true time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkept.evaluation.simulated.stage import (
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
from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.detectors.exhaustion import Exhaustion
from wellkept.store.telemetry.window import Window

STEP_S, DAYS, PER_DAY = 600.0, 21, 144
LIMIT = 100e9
FILLING = ("disk_fills", "disk_fills_cleaned", "disk_fault")
HEALTHY = ("disk_rhythm", "disk_weekly_cleaning", "disk_daily_cleaning")
NAMES = ("system.filesystem.usage", "system.filesystem.limit")
AHEAD_S = 1800.0
NEAR = 0.2


@dataclass(frozen=True, slots=True)
class _Case:
    """``used``: what is on the disk at the end of each step of ten minutes. ``full_s``: when it is full, or never."""

    kind: str
    seed: int
    used: Floats

    @property
    def entity(self) -> str:
        return f"disk:{self.kind}:/{self.seed}"

    @property
    def full_s(self) -> float:
        over = np.flatnonzero(self.used >= LIMIT)
        if len(over) == 0 or over[0] == 0:
            return np.inf
        last = int(over[0])
        before, after = self.used[last - 1], self.used[last]
        return float((last + (LIMIT - before) / max(after - before, 1.0)) * STEP_S)

    def played(self) -> Played:
        used, limit = NAMES
        return Played(self.entity, {used: np.minimum(self.used, LIMIT), limit: np.full(len(self.used), LIMIT)})


def evaluate(seeds: Sequence[int], every: int = 3) -> dict[str, dict[str, Any]]:
    """By kind: fills that were forecast half an hour ahead, how right the forecast was, and alarms of healthy disks.

    ``every``: how many steps of ten minutes lie between two looks.
    """
    cases = [_case(kind, seed) for kind in (*FILLING, *HEALTHY) for seed in seeds]
    heard = _play(cases, every)
    results: dict[str, dict[str, Any]] = {}
    for kind in (*FILLING, *HEALTHY):
        mine = [case for case in cases if case.kind == kind]
        results[kind] = _filling(mine, heard) if kind in FILLING else _healthy(mine, heard)
    return results


def _play(cases: Sequence[_Case], every: int) -> Heard:
    settings = DetectSettings()
    long = window_of([case.played() for case in cases], STEP_S)
    noise = np.random.default_rng(17).normal(0, 2e6, (settings.steps, len(cases)))
    return play(
        (Exhaustion(settings),),
        range(PER_DAY, len(long.times) + 1, every),
        lambda step: view(_fine(long, step, settings, noise), long=cut(long, step - 14 * PER_DAY, step)),
    )


def _fine(long: Window, step: int, settings: DetectSettings, noise: Floats) -> Window:
    """The last half hour before a step, in steps of ten seconds."""
    end = float(long.times[step - 1])
    times = end - settings.step_s * np.arange(settings.steps)[::-1].astype(np.float64)
    first = max(0, step - 2 - round(settings.window_s / STEP_S))
    values = np.stack(
        [np.interp(times, long.times[first:step], long.values[first:step, j]) for j in range(len(long.series))], axis=1
    )
    values[:, ::2] += noise
    return Window(times, values, long.series)


def _healthy(cases: Sequence[_Case], heard: Heard) -> dict[str, Any]:
    alarms = [heard.first(case.entity) for case in cases]
    return {"series": len(cases), "found": 0, "missed": 0, "false_alarms": sum(alarm is not None for alarm in alarms)}


def _filling(cases: Sequence[_Case], heard: Heard) -> dict[str, Any]:
    leads, errors, late_errors, inside, early = [], [], [], 0, 0
    for case in cases:
        said = [
            (at_s, finding)
            for at_s, finding in heard.by_entity.get(case.entity, ())
            if finding.kind is FindingKind.FORECAST and finding.severity > 1 and at_s < case.full_s
        ]
        ahead = [(at_s, finding) for at_s, finding in said if case.full_s - at_s >= AHEAD_S]
        if not ahead:
            continue
        lead = case.full_s - ahead[0][0]
        early += case.kind == "disk_fault" and lead > 14 * 3600
        leads.append(lead)
        errors.append(_error(ahead[0][1], lead))
        late_errors.append(_error(ahead[-1][1], case.full_s - ahead[-1][0]))
        values = ahead[0][1].evidence[0].values
        inside += values["low"] <= lead <= values.get("high", np.inf)
    return {
        "series": len(cases),
        "found": len(leads),
        "missed": len(cases) - len(leads),
        "false_alarms": early,
        "lead_time_s": round(float(np.median(leads))) if leads else None,
        "error": round(float(np.median(errors)), 3) if errors else None,
        "within_20_percent": sum(error <= NEAR for error in errors),
        "within_20_percent_half_an_hour_ahead": sum(error <= NEAR for error in late_errors),
        "inside_interval": inside,
    }


def _error(finding: Finding, lead_s: float) -> float:
    return abs(finding.evidence[0].values["seconds_to_limit"] - lead_s) / lead_s


def _case(kind: str, seed: int) -> _Case:
    """Three weeks in steps of ten minutes. 100 is the limit."""
    random = np.random.default_rng([3, seed, *kind.encode()])
    count = DAYS * PER_DAY
    hours = np.arange(1, count + 1) / 6.0
    load = (0.3 + rhythm(hours, random.uniform(0, 6))) * np.where(weekend(hours), 0.5, 1.0)
    load *= random.gamma(20.0, 1 / 20.0, count)
    load /= load.mean()
    swing = random.uniform(1.0, 5.0) * rhythm(hours, random.uniform(0, 24))
    if kind == "disk_rhythm":
        used = random.uniform(40, 70) + random.uniform(1, 4) * swing + random.normal(0, 0.2, count)
    elif kind == "disk_weekly_cleaning":
        grown = np.cumsum(load) * random.uniform(3.0, 7.0) / PER_DAY
        cleaned = np.floor((hours - 3.0) / (7 * 24)) * (7 * 24)
        used = random.uniform(20, 40) + grown - np.interp(np.maximum(0, cleaned), hours, grown) + swing
    elif kind == "disk_daily_cleaning":
        grown = np.cumsum(load) * random.uniform(20.0, 45.0) / PER_DAY
        cleaned = np.floor((hours - 3.0) / 24) * 24
        used = random.uniform(20, 30) + grown - np.interp(np.maximum(0, cleaned), hours, grown) + 0.3 * swing
    elif kind == "disk_fills_cleaned":
        grown = np.cumsum(load) * random.uniform(20.0, 40.0) / PER_DAY
        cleaned = np.floor((hours - 3.0) / 24) * 24
        kept = random.uniform(0.85, 0.93)
        used = grown - kept * np.interp(np.maximum(0, cleaned), hours, grown)
        used += 100 - used[round(random.uniform(8, 20) * PER_DAY)]
    elif kind == "disk_fault":
        used = random.uniform(40, 60) + 2 * swing + random.normal(0, 0.1, count)
        since = round(random.uniform(3, 18) * PER_DAY)
        lasts = random.uniform(2.0, 12.0) * 6
        used += np.maximum(0, np.arange(count) - since) * (100 - used[since]) / lasts
    else:
        used = np.cumsum(load) * random.uniform(1.5, 6.0) / PER_DAY + swing
        used += 100 - used[round(random.uniform(5, 20) * PER_DAY)]
    return _Case(kind, seed, np.maximum(1.0, used) * 1e9)

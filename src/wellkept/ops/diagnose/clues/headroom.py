"""A resource that is used up: how much of the headroom that was left before is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wellkept.kernel.conventions import CPU_TIMES
from wellkept.kernel.diagnosis import Fault, Look
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import Floats, bare, by_entity, is_idle, level, quantile
from wellkept.store.telemetry.window import SeriesInfo, Window

MEMORY, MEMORY_LIMIT, MEMORY_SHARE = "process.memory.usage", "process.memory.limit", "process.memory.utilization"
FILESYSTEM = "system.filesystem.usage"
_STATES = ("system.filesystem.state", "state")


LEAST_ROOM = 0.05
"""What is at its limit as a rule has this much room, so that its wobbling uses up nothing."""
SWOLLEN = 1.0 / 3.0
"""Memory that grew by half, or used up so much of its room, is why the CPU is busy: with allocating and collecting."""
FLEET_SHARE = 0.1
"""Memory without a known limit is judged against this share of the fleet's median on top of itself: doubling eight
megabytes is nothing."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A resource of an entity: how much of what was left is used up, in how many usual spreads, and words for it."""

    entity: str
    used: float
    spreads: float
    words: str
    series: str


class HeadroomClue:
    """CPU and memory near their end.

    With ``x`` the level during and ``m`` the level before, as shares of the limit, ``((x - m) / (1 - m)) ** 1.5``,
    gated by how many usual spreads that is. Headroom and not deviation, because an innocent service may be tens of
    spreads away while using three per cent of its limit. Memory whose limit is not known counts by its growth since
    right before: ``1 - m / x``. How much a busy host or a full disk explains is weighed when all clues have
    spoken (``ops/diagnose/common.py``).
    """

    kind = "headroom"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        uses = [use for use in (*_shares(case), *_grown(case)) if use.entity in case.suspects and use.used > 0]
        swollen = {use.entity for use in uses if "memory" in use.series and use.used >= SWOLLEN and use.spreads >= 3.0}
        for use in uses:
            gate = 1.0 - float(np.exp(-use.spreads / 3.0))
            strength = float((min(1.0, use.used) * gate) ** 1.5)
            if strength > hints.get(use.entity, Hint(0.0, "")).strength:
                fault = Fault.MEMORY if use.entity in swollen else _fault(use.series)
                pointer = case.pointer(Look.SERIES, use.series, use.entity)
                hints[use.entity] = Hint(strength, f"{use.words}.", fault=fault, pointers=(pointer,))
        return hints


def _fault(series: str) -> Fault:
    return Fault.DISK if "filesystem" in series else Fault.MEMORY if "memory" in series else Fault.CPU


def _shares(case: Case) -> list[_Use]:
    """Every series that is a share of a limit."""
    window = case.metrics
    before, during = level(window, case, during=False), level(window, case, during=True, quantile=0.75)
    spread = _spread(case)
    limits = by_entity(window, MEMORY_LIMIT)
    found: list[_Use] = _disks(case)
    for column, info in enumerate(window.series):
        values = (float(before[column]), float(during[column]), float(spread[column]))
        if info.name == MEMORY and info.entity in limits:
            limit = _last(window, limits[info.entity])
            values = (values[0] / limit, values[1] / limit, values[2] / limit)
        elif info.name in CPU_TIMES and is_idle(info.attributes):
            low_idle = float(level(window, case, during=True, quantile=0.25)[column])
            values = (1.0 - values[0], 1.0 - low_idle, values[2])
        elif info.name == "system.memory.utilization" and info.attributes.get("system.memory.state") == "used":
            pass
        elif info.name not in ("process.cpu.utilization", MEMORY_SHARE):
            continue
        if np.isfinite(values).all():
            found.append(_share(info, *values))
    return found


def _share(info: SeriesInfo, before: float, now: float, spread: float) -> _Use:
    return _use(info.entity, info.name, "Memory" if "memory" in info.name else "CPU", before, now, spread)


def _use(entity: str, series: str, what: str, before: float, now: float, spread: float) -> _Use:
    return _Use(
        entity=entity,
        used=(now - before) / max(1.0 - before, LEAST_ROOM),
        spreads=(now - before) / (spread + 0.05 * before + 0.01),
        words=f"{what} of {bare(entity)} went from {before:.0%} to {now:.0%} of its limit",
        series=series,
    )


def _disks(case: Case) -> list[_Use]:
    """Every file system whose used and free bytes are known."""
    bytes_of: dict[str, dict[str, Floats]] = defaultdict(dict)
    for column, info in enumerate(case.metrics.series):
        if info.name == FILESYSTEM and info.entity.startswith("disk:"):
            state = next((info.attributes[name] for name in _STATES if name in info.attributes), "")
            bytes_of[info.entity][state] = case.metrics.values[:, column]
    found = []
    for entity, states in sorted(bytes_of.items()):
        if not {"used", "free"} <= states.keys():
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (states["used"] / (states["used"] + states["free"]))[:, None]
        old, new = share[case.before.first : case.before.last], share[case.during.first : case.during.last]
        low, before, high = (float(quantile(old, at)[0]) for at in (0.25, 0.5, 0.75))
        now = float(quantile(new, 0.75)[0])
        if np.isfinite([before, now]).all():
            found.append(_use(entity, FILESYSTEM, "The disk", before, now, high - low))
    return found


def _grown(case: Case) -> list[_Use]:
    """Memory without a known limit."""
    limits = by_entity(case.metrics, MEMORY_LIMIT).keys() | by_entity(case.metrics, MEMORY_SHARE).keys()
    columns = {entity: j for entity, j in by_entity(case.metrics, MEMORY).items() if entity not in limits}
    before, during = (level(case.metrics, case, during=now) for now in (False, True))
    right_before = np.sort(case.metrics.values[case.before.last : case.during.first], axis=0)
    if len(right_before):
        # Memory drifts over hours: what it was when the trouble began counts where that is more.
        before = np.fmax(before, right_before[(len(right_before) - 1) // 2])
    spread = _spread(case)
    usual = before[list(columns.values())]
    floor = FLEET_SHARE * float(np.median(usual[np.isfinite(usual)])) if np.isfinite(usual).any() else 0.0
    found = []
    for entity, j in sorted(columns.items()):
        old, new = float(before[j]), float(during[j])
        if np.isfinite([old, new, spread[j]]).all() and new > old >= 0:
            found.append(
                _Use(
                    entity=entity,
                    used=1.0 - (old + floor) / (new + floor),
                    spreads=(new - old) / (float(spread[j]) + 0.05 * old + 0.01 * floor + 1e-9),
                    words=f"Memory of {bare(entity)} went from {old / 1e6:.0f} to {new / 1e6:.0f} MB",
                    series=MEMORY,
                )
            )
    return found


def _spread(case: Case) -> Floats:
    low, high = (level(case.metrics, case, during=False, quantile=q) for q in (0.25, 0.75))
    return high - low


def _last(window: Window, column: int) -> float:
    known = window.values[:, column]
    known = known[np.isfinite(known) & (known > 0)]
    return float(known[-1]) if len(known) else float("nan")

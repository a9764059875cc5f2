"""A resource that is used up: how much of the headroom that was left before is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import Floats, bare, by_entity, level
from wellkept.store.telemetry.window import SeriesInfo, Window

MEMORY, MEMORY_LIMIT = "process.memory.usage", "process.memory.limit"
_IDLE = frozenset({"idle"})
_MODES = ("cpu.mode", "system.cpu.state", "state")


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
    right before: ``1 - m / x``. A busy host explains only as much as the share of what runs on it that is in the
    incident: one slow service on a busy host is not the host's doing.
    """

    kind = "headroom"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        uses = [use for use in (*_shares(case), *_grown(case)) if use.entity in case.suspects and use.used > 0]
        swollen = {use.entity for use in uses if "memory" in use.series and use.used >= SWOLLEN and use.spreads >= 3.0}
        for use in uses:
            gate = 1.0 - float(np.exp(-use.spreads / 3.0))
            strength = float((min(1.0, use.used) * gate) ** 1.5) * _breadth(case, use.entity)
            if strength > hints.get(use.entity, Hint(0.0, "")).strength:
                is_memory = "memory" in use.series or use.entity in swollen
                pointer = case.pointer(Look.SERIES, use.series, use.entity)
                hints[use.entity] = Hint(
                    strength, f"{use.words}.", fault=Fault.MEMORY if is_memory else Fault.CPU, pointers=(pointer,)
                )
        return hints


def _breadth(case: Case, entity: str) -> float:
    """1 for anything but a host; for a host the share of what runs on it that is in the incident."""
    if not entity.startswith("host:"):
        return 1.0
    here = {e for e in case.graph.dependents(entity) if e.startswith("service:")}
    if not here:
        return 1.0
    symptoms = (FindingKind.ANOMALY, FindingKind.SLO_BURN, FindingKind.MISSING_DATA)
    return len([e for e in here if case.found(e, *symptoms)]) / len(here)


def _shares(case: Case) -> list[_Use]:
    """Every series that is a share of a limit."""
    window = case.metrics
    before, during = level(window, case, during=False), level(window, case, during=True, quantile=0.75)
    spread = _spread(case)
    limits = by_entity(window, MEMORY_LIMIT)
    found: list[_Use] = []
    for column, info in enumerate(window.series):
        values = (float(before[column]), float(during[column]), float(spread[column]))
        if info.name == MEMORY and info.entity in limits:
            limit = _last(window, limits[info.entity])
            values = (values[0] / limit, values[1] / limit, values[2] / limit)
        elif info.name == "system.cpu.utilization" and _is_idle(info.attributes):
            low_idle = float(level(window, case, during=True, quantile=0.25)[column])
            values = (1.0 - values[0], 1.0 - low_idle, values[2])
        elif info.name == "system.memory.utilization" and info.attributes.get("system.memory.state") == "used":
            pass
        elif info.name != "process.cpu.utilization":
            continue
        if np.isfinite(values).all():
            found.append(_share(info, *values))
    return found


def _share(info: SeriesInfo, before: float, now: float, spread: float) -> _Use:
    what = "memory" if "memory" in info.name else "CPU"
    return _Use(
        entity=info.entity,
        used=(now - before) / max(1.0 - before, LEAST_ROOM),
        spreads=(now - before) / (spread + 0.05 * before + 0.01),
        words=f"{what} of {bare(info.entity)} went from {before:.0%} to {now:.0%} of its limit",
        series=info.name,
    )


def _grown(case: Case) -> list[_Use]:
    """Memory without a known limit."""
    limits = by_entity(case.metrics, MEMORY_LIMIT)
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
                    words=f"memory of {bare(entity)} went from {old / 1e6:.0f} to {new / 1e6:.0f} MB",
                    series=MEMORY,
                )
            )
    return found


def _spread(case: Case) -> Floats:
    low, high = (level(case.metrics, case, during=False, quantile=q) for q in (0.25, 0.75))
    return high - low


def _is_idle(attributes: Mapping[str, str]) -> bool:
    return any(attributes.get(mode) in _IDLE for mode in _MODES)


def _last(window: Window, column: int) -> float:
    known = window.values[:, column]
    known = known[np.isfinite(known) & (known > 0)]
    return float(known[-1]) if len(known) else float("nan")

"""A resource that is used up: how much of the headroom that was left before is gone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, by_entity, level
from wellkept.store.telemetry.window import Window

_IDLE = frozenset({"idle"})
_MODES = ("cpu.mode", "system.cpu.state", "state")


class HeadroomClue:
    """CPU and memory shares near their end.

    With ``x`` the level during and ``m`` the level before, the strength is ``((x - m) / (1 - m)) ** 1.5``, gated by
    how many usual spreads that is. Headroom and not deviation, because an innocent service may be tens of spreads
    away while using three per cent of its limit. A busy host explains only as much as the share of what runs on it
    that is in the incident: one slow service on a busy host is not the host's doing.
    """

    kind = "headroom"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        hints: dict[str, Hint] = {}
        for name, entity, before, now, spread in _shares(case):
            if entity not in case.suspects or not now > before:
                continue
            used = min(1.0, (now - before) / max(1.0 - before, 1e-9))
            gate = 1.0 - float(np.exp(-(now - before) / (3.0 * (spread + 0.05 * before + 0.01))))
            strength = float((used * gate) ** 1.5) * _breadth(case, entity)
            if strength > hints.get(entity, Hint(0.0, "")).strength:
                what = "memory" if "memory" in name else "CPU"
                hints[entity] = Hint(
                    strength,
                    f"{what} of {bare(entity)} went from {before:.0%} to {now:.0%} of its limit.",
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


def _shares(case: Case) -> list[tuple[str, str, float, float, float]]:
    """(series, entity, level before, level during, usual spread) of every series that is a share of a limit."""
    window = case.metrics
    before, during = level(window, case, during=False), level(window, case, during=True, quantile=0.75)
    low, high = (level(window, case, during=False, quantile=q) for q in (0.25, 0.75))
    spread = high - low
    limits = by_entity(window, "process.memory.limit")
    found: list[tuple[str, str, float, float, float]] = []
    for column, info in enumerate(window.series):
        values = (float(before[column]), float(during[column]), float(spread[column]))
        if info.name == "process.memory.usage" and info.entity in limits:
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
            found.append((info.name, info.entity, *values))
    return found


def _is_idle(attributes: Mapping[str, str]) -> bool:
    return any(attributes.get(mode) in _IDLE for mode in _MODES)


def _last(window: Window, column: int) -> float:
    known = window.values[:, column]
    known = known[np.isfinite(known) & (known > 0)]
    return float(known[-1]) if len(known) else float("nan")

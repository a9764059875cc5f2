"""Where the trouble was felt, and in which steps: what a cause has to explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.indicators import DURATIONS, ERRORS, RATE, REPORTED
from wellkept.store.telemetry.window import Window

Floats = NDArray[np.float64]
Steps = NDArray[np.intp]

FAILING = "failing"
"""Failed requests as a share of all."""
_SIGNALS = {
    "service.request.duration": tuple(DURATIONS.values()),
    "service.request.availability": (FAILING,),
    "service.request.errors": (FAILING,),
    "span.errors": (FAILING,),
}
OUTSIDE = frozenset({FindingKind.EXTERNAL, FindingKind.SLO_BURN})
"""What says by itself that users feel it."""
UPSTREAM = 6
"""Hops of callers that are looked at."""
ENOUGH = 8
"""Values of a healthy time that are enough to know what is usual."""


@dataclass(frozen=True, slots=True, eq=False)
class Felt:
    """An indicator of one service, and the steps in which it was bad, and those nearby in which it was not.

    Many troubles come and go: a cause is bad in the same steps as what it spoils, and averages over all steps hide it.
    """

    entity: str
    indicator: str
    bad: Steps
    clean: Steps


def indicator(red: Window, name: str) -> dict[str, Floats]:
    """A series of each service by entity; ``failing`` is worked out of errors and rate.

    Where no span at all says that it failed, spans do not tell failures: then only what is reported counts.
    """
    columns = {(info.name, info.entity): column for column, info in enumerate(red.series)}
    if name != FAILING:
        return {entity: red.values[:, j] for (series, entity), j in columns.items() if series == name}
    traced = [j for j, info in enumerate(red.series) if info.name == ERRORS and info.kind != REPORTED]
    silent = traced if not np.nansum(red.values[:, traced]) > 0 else []
    found = {}
    for (series, entity), j in columns.items():
        if j in silent:
            continue
        rate = columns.get((RATE, entity))
        if series == ERRORS and rate is not None:
            requests = red.values[:, rate]
            with np.errstate(invalid="ignore", divide="ignore"):
                found[entity] = np.where(requests > 0, red.values[:, j] / requests, np.nan)
    return found


def by_feeling(findings: Sequence[Finding], graph: Graph) -> list[Finding]:
    """Symptoms, the nearest to users first: alerts from outside, then services that no other unwell one depends on."""
    symptoms = [finding for finding in findings if finding.attributes.get("symptom") and finding.entity]
    unwell = {finding.entity for finding in symptoms}

    def order(finding: Finding) -> tuple[object, ...]:
        is_inner = any(other in unwell for other in graph.dependents(finding.entity, UPSTREAM))
        return (finding.kind not in OUTSIDE, is_inner, finding.starts_at, finding.id)

    return sorted(symptoms, key=order)


def indicators_of(finding: Finding) -> tuple[str, ...]:
    """The indicators that a symptom may be about: that of its signal, or all."""
    signal = finding.signal
    return _SIGNALS.get(signal, (signal,) if signal in DURATIONS.values() else (FAILING, *DURATIONS.values()))


def felt(symptoms: Sequence[Finding], red: Window, before: slice, near: slice) -> Felt | None:
    """What the first symptom that was measured is about, and its bad steps among those near the onset.

    Bad is what is on the worse side of the middle between the best and the worst; where even the best is far worse
    than usual, usual counts as the best. Too few clean steps: then those of before are the clean ones.
    """
    for finding in symptoms:
        options = [
            option for name in indicators_of(finding) if (option := _split(finding.entity, name, red, before, near))
        ]
        if options:
            return options[0][1] if finding.signal else max(options, key=lambda option: option[0])[1]
    return None


def _split(entity: str, name: str, red: Window, before: slice, near: slice) -> tuple[float, Felt] | None:
    """How many usual spreads the worst is from what is usual, and the split; None where there is none."""
    values = indicator(red, name).get(entity)
    if values is None:
        return None
    steps = np.arange(near.start, near.stop)
    steps = steps[np.isfinite(values[steps])]
    usual = values[before][np.isfinite(values[before])]
    if len(steps) == 0 or (len(steps) < 2 and len(usual) < ENOUGH):
        return None
    worst, best = float(values[steps].max()), float(values[steps].min())
    low = min(best, float(np.median(usual))) if len(usual) >= ENOUGH else best
    if worst <= low:
        return None
    is_bad = values[steps] >= (low + worst) / 2
    bad, clean = steps[is_bad], steps[~is_bad]
    if len(clean) < 2 and len(usual) >= ENOUGH:
        clean = np.arange(before.start, before.stop)
    spread = _spread(usual) if len(usual) >= ENOUGH else 0.1 * abs(low)
    return (worst - low) / (spread + 0.05 * abs(low) + 1e-6), Felt(entity, name, bad, clean)


def _spread(values: Floats) -> float:
    low, high = np.percentile(values, [25, 75])
    return float(high - low)

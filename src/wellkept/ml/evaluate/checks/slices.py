"""Parts of the rows: the worst value of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import SEED, surely, worse
from wellkept.ml.gates import SliceGate
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import spreads_of, value_of
from wellkept.ml.tasks import LOWER_IS_BETTER


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a column: its rows, a metric on them, and the standard error of its distance to all."""

    value: str
    rows: int
    metric: float
    error: float = float("nan")


def slice_values(
    contract: ModelContract, outcome: Outcome, column: str, least: int, of: str | None = None
) -> list[Part]:
    """A metric (the primary one) of each value of a column that has rows enough; the worst first."""
    name, values = of or contract.metrics.primary, outcome.slices.get(column)
    if values is None:
        return []
    found, places = [], []
    kinds, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    for index in np.flatnonzero(counts >= least):
        rows = np.flatnonzero(code == index)
        metric = value_of(name, outcome.sample.where(rows))
        if np.isfinite(metric):
            found.append((str(kinds[index]), int(counts[index]), metric))
            places.append(rows)
    errors = spreads_of(name, outcome.sample, places, SEED) if found else []
    parts = [Part(*one, error) for one, error in zip(found, errors, strict=True)]
    return sorted(parts, key=lambda part: part.metric, reverse=name in LOWER_IS_BETTER)


def by_slice(contract: ModelContract, gate: SliceGate, outcome: Outcome) -> Check:
    """The worst value fails when it is worse by more than is allowed, and more than chance makes of so many."""
    name, limit, title = gate.of or contract.metrics.primary, f"<= {gate.drop:g} worse", f"slices by {gate.slice}"
    title = f"{gate.of} of {title}" if gate.of else title
    parts = slice_values(contract, outcome, gate.slice, gate.min_rows, gate.of)
    if not parts:
        sentence = f"no value of {gate.slice} has {gate.min_rows} held-out rows on which {name} has a meaning"
        return Check(title, False, "unknown", limit, sentence)
    whole = value_of(name, outcome.sample)
    too_much = [part for part in parts if worse(name, whole, part.metric) > gate.drop]
    failed = [part for part in too_much if surely(worse(name, whole, part.metric), part.error, len(parts))]
    worst = (failed or parts)[0]
    sentence = f"{name} is worst where {gate.slice} is {worst.value}: {worst.metric:.3f} on {worst.rows} rows, "
    sentence += f"{whole:.3f} on all ({len(parts)} values looked at)"
    if name == "average_precision":
        share = outcome.label[outcome.slices[gate.slice].astype(str) == worst.value].mean()
        sentence += f"; {share:.1%} of these happened, {outcome.label.mean():.1%} of all"
    if too_much and not failed:
        sentence += "; so much comes by chance where so few rows are looked at in so many parts"
    return Check(title, not failed, f"{worst.value}: {worst.metric:.4f}", limit, sentence)

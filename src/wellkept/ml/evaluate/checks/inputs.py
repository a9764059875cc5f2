"""Inputs that do not come as they did: missing, noisy, in another unit, stuck; and how much is lost by it."""

from __future__ import annotations

import numpy as np

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import worse
from wellkept.ml.evidence import Shift
from wellkept.ml.gates import MissingGate, ShiftGate
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import value_of

WORDS = {
    "noise": "with noise as wide as its own spread",
    "scaled_up": "100 times as great",
    "scaled_down": "100 times as small",
    "negated": "with the other sign",
    "clipped": "clipped to its middle half",
    "stuck": "stuck at 0",
}
OF_CATEGORIES = {"noise": "with every tenth value from another row", "stuck": "stuck at one category"}


def shift_words(contract: ModelContract, shift: Shift) -> str:
    """How an input came otherwise."""
    return (OF_CATEGORIES if shift.input in contract.categories else WORDS)[shift.kind]


def missing_values(contract: ModelContract, outcome: Outcome) -> list[tuple[str, float]]:
    """How much worse the primary metric is when an input is missing everywhere: the worst first."""
    name, whole = contract.metrics.primary, value_of(contract.metrics.primary, outcome.sample)
    lost = [
        (column, worse(name, whole, value_of(name, outcome.sample.scored(scores))))
        for column, scores in outcome.missing.items()
    ]
    return sorted(lost, key=lambda entry: _worst_first(entry[1]))


def shifted_values(contract: ModelContract, outcome: Outcome) -> list[tuple[Shift, float]]:
    """How much worse the primary metric is with each changed input: the worst first."""
    lost = [(shift, worse(contract.metrics.primary, shift.whole, shift.value)) for shift in outcome.shifts]
    return sorted(lost, key=lambda entry: _worst_first(entry[1]))


def _worst_first(lost: float) -> tuple[bool, float]:
    return (np.isfinite(lost), -lost if np.isfinite(lost) else 0.0)


def missing(contract: ModelContract, gate: MissingGate, outcome: Outcome) -> Check:
    """The input that is missed most."""
    limit, found = f"<= {gate.missing_drop:g}", missing_values(contract, outcome)
    if not found:
        sentence = "no input may be missing by the contract, so that there is nothing to try"
        return Check("missing inputs", not any(e.nullable for e in contract.inputs), "none", limit, sentence)
    column, lost = found[0]
    sentence = f"without {column}, {contract.metrics.primary} is worse by {lost:.3f}: more than without any other input"
    return Check("missing inputs", lost <= gate.missing_drop, f"{column}: {lost:.4f}", limit, sentence)


def shifted(contract: ModelContract, gate: ShiftGate, outcome: Outcome) -> Check:
    """The changed input that costs most."""
    limit = f"<= {gate.shifted_drop:g}"
    found = [
        (shift, lost)
        for shift, lost in shifted_values(contract, outcome)
        if shift.kind in gate.kinds and (not gate.only or shift.input in gate.only)
    ]
    if not found or not found[0][0].rows:
        return Check("shifted inputs", False, "unknown", limit, "there was no input that could be changed")
    worst, lost = found[0]
    name, words = contract.metrics.primary, shift_words(contract, worst)
    sentence = f"with {worst.input} {words}, {name} falls to {worst.value:.3f} from {worst.whole:.3f}"
    if name and worse(name, 0.0, 1.0) > 0:
        sentence = f"with {worst.input} {words}, {name} rises to {worst.value:.3f} from {worst.whole:.3f}"
    sentence += f" on {worst.rows} rows: worse by {lost:.3f}, the most of {len(found)} changes that were tried"
    return Check(
        "shifted inputs", lost <= gate.shifted_drop, f"{worst.input} {worst.kind}: {lost:.4f}", limit, sentence
    )

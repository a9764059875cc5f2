"""How many figures the gates looked at: the more, the likelier one of them is bad by chance."""

from __future__ import annotations

from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.backtest import windows_of
from wellkept.ml.evaluate.checks.fairness import figures
from wellkept.ml.evaluate.checks.slices import slice_values
from wellkept.ml.gates import AloneGate, BacktestGate, FairnessGate, GatePart, MissingGate, ShiftGate, SliceGate
from wellkept.ml.outcome import Outcome


def looked_at(contract: ModelContract, outcome: Outcome) -> tuple[int, int]:
    """The gates of the contract, and the figures that they looked at."""
    return len(contract.gates), sum(_figures(contract, gate, outcome) for gate in contract.gates)


def _figures(contract: ModelContract, gate: GatePart, outcome: Outcome) -> int:
    """The values of a column, the pairs of groups, the windows, the inputs; else one."""
    if isinstance(gate, SliceGate):
        return len(slice_values(contract, outcome, gate.slice, gate.min_rows, gate.of))
    if isinstance(gate, FairnessGate):
        return sum(figure.looks for figure in figures(contract, gate.fairness, outcome))
    if isinstance(gate, BacktestGate):
        return len(windows_of(gate, outcome))
    if isinstance(gate, ShiftGate):
        return sum(
            shift.kind in gate.kinds and shift.input in (gate.only or (shift.input,)) for shift in outcome.shifts
        )
    if isinstance(gate, MissingGate):
        return len(outcome.missing)
    return len(outcome.alone or {}) if isinstance(gate, AloneGate) else 1


def in_words(contract: ModelContract, outcome: Outcome) -> str:
    """The count in words, with the rule that keeps chance from failing a gate."""
    gates, figures_seen = looked_at(contract, outcome)
    if not gates:
        return "The contract has no gates of its own; what always holds was checked."
    said = f"The {gates} gates of the contract looked at {figures_seen} figures of these rows."
    if figures_seen > gates:
        said += (
            " Where a gate takes the worst of several (values of a column, groups, windows), it fails only when that "
            "one is worse by more than is allowed and by more than chance makes of so many "
            "(5 % over all that the gate looked at, by Bonferroni)."
        )
    return said

"""How scores move when one input moves: not at all, or not in one direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import percent
from wellkept.ml.evidence import Change
from wellkept.ml.gates import DirectionGate, InvarianceGate
from wellkept.ml.outcome import Outcome

LEAST_ROWS = 30
SHOWN = 6


def invariance(contract: ModelContract, gate: InvarianceGate, outcome: Outcome) -> Check:
    """Other values of an input leave the score alone."""
    did = f"another {gate.invariant} moves the score by more than {gate.at_most:g}"
    return _check(f"invariant to {gate.invariant}", gate.share, did, _of(contract, gate, outcome), gate.invariant)


def direction(contract: ModelContract, gate: DirectionGate, outcome: Outcome) -> Check:
    """A greater input does not lower (raise) the score."""
    step = f"{gate.times:g} times as great" if gate.times is not None else f"greater by {gate.by:g}"
    verb = "lowers" if gate.must_not == "lower" else "raises"
    did = f"{gate.raising} {step} {verb} the score"
    name = f"raising {gate.raising} must not {gate.must_not}"
    return _check(name, gate.share, did, _of(contract, gate, outcome), gate.raising)


def _of(contract: ModelContract, gate: InvarianceGate | DirectionGate, outcome: Outcome) -> Change | None:
    place = next(index for index, one in enumerate(contract.gates) if one is gate)
    return next((change for change in outcome.changes if change.gate == place), None)


def _check(name: str, share: float, did: str, change: Change | None, column: str) -> Check:
    limit = f"<= {percent(share)} of rows"
    if change is None or change.rows < LEAST_ROWS:
        count = 0 if change is None else change.rows
        sentence = f"{column} could be changed in {count} held-out rows, and {LEAST_ROWS} are needed to tell"
        return Check(name, False, "unknown", limit, sentence)
    found = change.beyond / change.rows
    sentence = f"{did} on {change.beyond} of {change.rows} rows ({percent(found)})"
    if change.example is not None:
        sentence += f"; most where {example_words(change.example, column)}"
    return Check(name, found <= share, percent(found), limit, sentence)


def example_words(example: Mapping[str, Any], column: str) -> str:
    """The worst row in words: what was changed first, then some of the rest."""
    row = dict(example["row"])
    first = f"{column} {_short(row.pop(column, None))} becomes {_short(example['to'])}"
    rest = ", ".join(f"{name} {_short(value)}" for name, value in list(row.items())[:SHOWN])
    scores = f"the score goes from {_short(example['score'])} to {_short(example['then'])}"
    return f"{first} and {scores}" + (f" (with {rest})" if rest else "")


def _short(value: float | str | None) -> str:
    if isinstance(value, str):
        return value
    return "nothing" if value is None else f"{value:.4g}"

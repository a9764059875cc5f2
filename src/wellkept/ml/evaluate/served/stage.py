"""A trained model tried as it will be served, where its contract asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import TrainingError
from wellkept.ml.contract import ModelContract
from wellkept.ml.evidence import Load, Parity, Served
from wellkept.ml.gates import BudgetGate, ParityGate
from wellkept.ml.inputspec import Input
from wellkept.ml.outcome import Outcome
from wellkept.ml.oversight import Limits
from wellkept.ml.process import run_worker

SECONDS = 120.0
Row = Sequence[float | str | None]


def tried_as_served(contract: ModelContract, text: str, folder: Path, outcome: Outcome) -> Outcome:
    """The outcome with what was seen of the model server, when a gate asks for parity or for a budget.

    Args:
        contract: the contract, and
        text: the same as it is written.
        folder: the artifact's files.
        outcome: what training said; it holds the rows to ask.
    """
    budgets = [
        {"place": place, **gate.model_dump(exclude_none=True)}
        for place, gate in enumerate(contract.gates)
        if isinstance(gate, BudgetGate)
    ]
    parity = any(isinstance(gate, ParityGate) for gate in contract.gates)
    if not budgets and not parity:
        return outcome
    rows, expected, real = _allowed(contract, outcome.asked)
    request = {
        "model": contract.name,
        "contract": text,
        "folder": str(folder.resolve()),
        "names": list(contract.features),
        "kinds": [entry.type for entry in contract.inputs],
        "rows": rows,
        "expected": expected,
        "real": real,
        "parity": parity,
        "budgets": budgets,
    }
    with tempfile.TemporaryDirectory(prefix="wellkept-served-") as scratch:
        try:
            worker, seconds = "wellkept.ml.evaluate.served.worker", _longest(budgets)
            found = run_worker(worker, request, Path(scratch), Limits(seconds), niceness=0)
        except TrainingError as error:
            if error.cause == "cancelled":
                raise
            return replace(outcome, served=_failed(budgets, str(error)))
    return replace(outcome, served=Served.of(found))


def _allowed(contract: ModelContract, asked: Mapping[str, Any]) -> tuple[list[Row], list[float], int]:
    """Rows that the contract lets a caller ask, their scores, and how many of them (the first) are held-out ones."""
    rows, expected = asked.get("rows", []), asked.get("expected", [])
    kept = [
        place for place, row in enumerate(rows)
        if all(_is_allowed(entry, value) for entry, value in zip(contract.inputs, row, strict=True))
    ]  # fmt: skip
    real = sum(place < asked.get("real", 0) for place in kept)
    return [rows[place] for place in kept], [expected[place] for place in kept], real


def _is_allowed(entry: Input, value: float | str | None) -> bool:
    if value is None:
        return entry.nullable
    if isinstance(value, str):
        return entry.is_open or value in entry.values
    low = entry.at_least is None or value >= entry.at_least
    return low and (entry.at_most is None or value <= entry.at_most)


def _longest(budgets: Sequence[Mapping[str, Any]]) -> float:
    return SECONDS + sum(3 * (float(gate["budget"]["seconds"]) + 6) for gate in budgets)


def _failed(budgets: Sequence[Mapping[str, Any]], why: str) -> Served:
    loads = [
        Load(gate["place"], gate["budget"]["requests_per_s"], 0.0, 0, 0, 0.0, 0.0, [], 0.0, 0.0, trouble=why)
        for gate in budgets
    ]
    return Served(Parity(0, 0.0, refused=why), tuple(loads))

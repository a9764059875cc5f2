"""Pictures of what was tried: earlier windows, groups, changed inputs, latencies under load."""

from __future__ import annotations

import numpy as np

from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.card.charts import Line, Picture, bars, columns, lines
from wellkept.ml.evaluate.checks.fairness import WORDS, figures
from wellkept.ml.evaluate.checks.inputs import shifted_values
from wellkept.ml.evaluate.checks.measured import SEED, Z90
from wellkept.ml.gates import BudgetGate, FairnessGate, ShiftGate
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import interval_of, value_of

MOST_ROWS = 12
SHORT = {
    "noise": "noisy",
    "scaled_up": "× 100",
    "scaled_down": "÷ 100",
    "negated": "negated",
    "clipped": "clipped",
    "stuck": "stuck",
}


def tried_pictures(contract: ModelContract, outcome: Outcome) -> list[Picture | None]:
    """One for each thing that was tried; None where there is nothing to draw."""
    fairness = [gate.fairness for gate in contract.gates if isinstance(gate, FairnessGate)]
    return [
        *(_windows(outcome, name) for name in dict.fromkeys(window.metric for window in outcome.backtest)),
        *(picture for place, terms in enumerate(fairness) for picture in _groups(contract, terms, place, outcome)),
        _shifts(contract, outcome),
        *(_latencies(contract, outcome, place) for place in range(len(outcome.served.loads) if outcome.served else 0)),
    ]


def _windows(outcome: Outcome, name: str) -> Picture | None:
    """Window after window; the held-out rows are at 0."""
    windows = [window for window in outcome.backtest if window.metric == name and np.isfinite(window.value)]
    low, high = interval_of(name, outcome.sample, SEED)
    place = [float(index - len(windows)) for index in range(len(windows) + 1)]
    rival = value_of(name, outcome.sample.scored(outcome.champion)) if outcome.champion is not None else np.nan
    model = Line(
        "model", place, [*(window.value for window in windows), value_of(name, outcome.sample)],
        low=[*(window.low for window in windows), low], high=[*(window.high for window in windows), high],
    )  # fmt: skip
    theirs = [np.nan if window.champion is None else window.champion for window in windows]
    drawn = [model]
    if np.isfinite([*theirs, rival]).any():
        drawn.append(Line("champion", place, [*theirs, rival], dashed=True))
    title = f"{name} of earlier windows, with its 90 % interval"
    return lines(f"backtest-{name.replace('@', '-at-')}", title, "windows before the held-out rows", name, drawn)


def _groups(contract: ModelContract, terms: FairnessGate.Terms, place: int, outcome: Outcome) -> list[Picture | None]:
    found = []
    for figure in figures(contract, terms, outcome):
        what = WORDS.get(figure.metric, contract.metrics.primary)
        ranked = sorted(figure.groups, key=lambda group: -abs(group.value))[:MOST_ROWS]
        rows = [(one.name, abs(one.value), f"{one.value:.3f} ± {Z90 * one.error:.3f}") for one in ranked]
        name = f"fairness-{place + 1}-{figure.metric.replace('_', '-')}"
        found.append(bars(name, f"{what[0].upper()}{what[1:]}, by {terms.group} (± 90 % interval)", rows))
    return found


def _shifts(contract: ModelContract, outcome: Outcome) -> Picture | None:
    limit = next((gate.shifted_drop for gate in contract.gates if isinstance(gate, ShiftGate)), None)
    found = shifted_values(contract, outcome)[:MOST_ROWS]
    rows = [(f"{one.input} {SHORT[one.kind]}", max(0.0, lost), f"{lost:+.3f}") for one, lost in found]
    title = f"How much worse {contract.metrics.primary} is when an input comes otherwise"
    return bars("shifted", title, rows, limit)


def _latencies(contract: ModelContract, outcome: Outcome, place: int) -> Picture | None:
    assert outcome.served is not None
    load = outcome.served.loads[place]
    gate = contract.gates[load.gate]
    if not load.counts or not isinstance(gate, BudgetGate):
        return None
    marks = [("half", load.p50_ms), ("99 %", load.p99_ms)]
    if gate.budget.p99_ms is not None:
        marks.append(("limit", gate.budget.p99_ms))
    title = f"Latency of {load.sent - load.failed} requests at {load.wanted_per_s:g} a second"
    return columns(f"latency-{place + 1}", title, "ms", load.edges_ms, load.counts, marks)

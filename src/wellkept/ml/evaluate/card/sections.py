"""The parts of a card that tell what was tried beside scoring: windows, groups, changed inputs, rows, serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.behaviour import example_words
from wellkept.ml.evaluate.checks.fairness import RATES, WORDS, figures
from wellkept.ml.evaluate.checks.inputs import shift_words, shifted_values
from wellkept.ml.evaluate.checks.measured import Z90, percent
from wellkept.ml.evidence import COMPARED, Window
from wellkept.ml.gates import DirectionGate, FairnessGate, InvarianceGate
from wellkept.ml.outcome import Outcome

Row = tuple[str, ...]
MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the card: a heading, a sentence, and a table (columns and rows)."""

    title: str
    words: str = ""
    columns: Row = ()
    rows: Sequence[Row] = ()


def number(value: float | None) -> str:
    """A figure as a card writes it."""
    return "no meaning here" if value is None or not np.isfinite(value) else f"{value:.4g}"


def tried(contract: ModelContract, outcome: Outcome) -> list[Section]:
    """What was tried, each part where there is something to tell."""
    parts = [
        _windows(outcome),
        _groups(contract, outcome),
        _changes(contract, outcome),
        _shifts(contract, outcome),
        _shared(outcome),
        _served(contract, outcome),
    ]
    return [part for part in parts if part is not None]


def _windows(outcome: Outcome) -> Section | None:
    if not outcome.backtest:
        return None
    words = "Each earlier window, as a model foretold it that was trained on the rows before the window alone."
    columns = ("metric", "window", "rows", "trained on", "value", "90 % interval", "champion")
    rows = [
        (
            window.metric, _span(window), str(window.rows), str(window.trained_on), number(window.value),
            f"{number(window.low)} to {number(window.high)}",
            number(window.champion) if window.champion_is == COMPARED else window.champion_is,
        )
        for window in outcome.backtest
    ]  # fmt: skip
    return Section("Back-test", words, columns, rows)


def _span(window: Window) -> str:
    if window.start is None or window.end is None:
        return "by the order of rows"
    return " to ".join(f"{datetime.fromtimestamp(one, UTC):%Y-%m-%d %H:%M}" for one in (window.start, window.end))


def _groups(contract: ModelContract, outcome: Outcome) -> Section | None:
    rows: list[Row] = []
    for gate in contract.gates:
        for figure in figures(contract, gate.fairness, outcome) if isinstance(gate, FairnessGate) else ():
            column = gate.fairness.group if isinstance(gate, FairnessGate) else ""
            what = WORDS.get(figure.metric, contract.metrics.primary)
            for group in figure.groups:
                wide = Z90 * group.error
                low, high = group.value - wide, group.value + wide
                if figure.metric in RATES:
                    low, high = max(0.0, low), min(1.0, high)
                interval = f"{number(low)} to {number(high)}"
                rows.append((column, group.name, what, str(group.rows), number(group.value), interval))
            rows += [
                (column, name, what, str(count), "too few rows to tell", "")
                for name, count in figure.abstained[:MOST_ROWS]
            ]
    if not rows:
        return None
    return Section(
        "Groups",
        "Groups that the contract wants treated alike. Rows are those that count for the figure.",
        ("column", "group", "figure", "rows", "value", "90 % interval"),
        rows,
    )


def _changes(contract: ModelContract, outcome: Outcome) -> Section | None:
    rows = []
    for change in outcome.changes:
        gate = contract.gates[change.gate]
        if isinstance(gate, InvarianceGate):
            column, what = gate.invariant, "another value: the score must stay"
        elif isinstance(gate, DirectionGate):
            column, what = (
                gate.raising,
                f"a greater value: the score must not {'fall' if gate.must_not == 'lower' else 'rise'}",
            )
        else:
            continue
        worst = example_words(change.example, column) if change.example else ""
        share = percent(change.beyond / change.rows) if change.rows else ""
        rows.append((column, what, str(change.rows), f"{change.beyond} ({share})", worst))
    columns = ("input", "what was tried", "rows", "against it", "the worst one")
    return Section("Behaviour", "Held-out rows, asked again with one input changed.", columns, rows) if rows else None


def _shifts(contract: ModelContract, outcome: Outcome) -> Section | None:
    found = shifted_values(contract, outcome)
    if not found:
        return None
    name = contract.metrics.primary
    words = f"How well the model does when one input comes otherwise than it did, on {found[0][0].rows} held-out rows. "
    words += f"{name} is {number(found[0][0].whole)} there. The worst first, at most {MOST_ROWS}."
    rows = [(one.input, shift_words(contract, one), number(one.value), number(lost)) for one, lost in found[:MOST_ROWS]]
    return Section("Changed inputs", words, ("input", "comes", name, "worse by"), rows)


def _shared(outcome: Outcome) -> Section | None:
    found = outcome.shared
    if found is None:
        return None
    rows = [
        ("held-out rows that are training rows again", f"{found.same} of {found.rows}"),
        ("near copies of training rows", f"{found.near} of {found.sampled} looked at"),
        ("rows between two others, as SMOTE makes them", f"{found.made} of {found.sampled} looked at"),
        ("training rows newer than the first held-out one", str(found.late)),
        ("columns that are the mean label over all rows", ", ".join(found.encoded) or "none"),
    ]
    rows = rows if found.rows else rows[3:4]
    return Section("Training and held-out rows", "What the two sides share.", ("what", "how many"), rows)


def _served(contract: ModelContract, outcome: Outcome) -> Section | None:
    found = outcome.served
    if found is None:
        return None
    rows = []
    if found.parity is not None:
        parity = found.parity
        told = parity.refused or f"at most {parity.largest:.2g} on {parity.rows} rows"
        rows.append(("difference between trained and served scores", told))
    for load in found.loads:
        at = f"at {load.wanted_per_s:g} requests a second"
        if load.trouble:
            rows.append((at, load.trouble))
            continue
        tries = ", ".join(f"{one:.1f}" for one in load.tries)
        rows += [
            (f"latency {at}", f"half within {load.p50_ms:.2f} ms, 99 % within {load.p99_ms:.2f} ms"),
            ("the 99th percentile of every try, in ms (the best counts)", tries),
            ("answered", f"{load.sent - load.failed} of {load.sent}, {load.answered_per_s:.0f} a second"),
            ("memory of the model server with this model", f"{load.memory_mb:.0f} MB"),
            ("the machine's processors, busy with other work", percent(load.busy)),
        ]
    words = f"The model server itself, in a process of its own, with {contract.name} alone; prediction log on."
    return Section("Served", words, ("what", "found"), rows)

"""One check for each kind of gate: what was measured, what was allowed, and a sentence for a person.

A check that has nothing to look at fails.
"""

from __future__ import annotations

import numpy as np

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.gates import Gate
from wellkept.ml.metrics import Array
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import interval_of, paired_interval_of, value_of
from wellkept.ml.tasks import CUSTOM, LOWER_IS_BETTER, is_own

SEED = 7
MIN_POSITIVES, MIN_GROUPS = 10, 5
ALONE_AT_MOST = 0.99


def check_gate(contract: ModelContract, gate: Gate, outcome: Outcome) -> Check:
    """The check of one gate."""
    if gate.metric is not None:
        return _own(gate, outcome) if is_own(gate.metric) else _threshold(gate, outcome)
    if gate.versus_champion is not None:
        return _versus_champion(gate, outcome)
    if gate.versus_baseline is not None:
        return _versus_baseline(contract, gate, outcome)
    if gate.slice is not None:
        return _slice(contract, gate, outcome)
    if gate.missing_drop is not None:
        return _missing(contract, gate.missing_drop, outcome)
    if gate.alone_at_most is not None:
        return leakage(gate.alone_at_most, outcome)
    assert gate.latency_p99_ms is not None
    sentence = f"one row takes {outcome.latency_p99_ms:.2f} ms at the 99th percentile"
    passed = outcome.latency_p99_ms <= gate.latency_p99_ms
    return Check("latency_p99_ms", passed, f"{outcome.latency_p99_ms:.3f}", f"<= {gate.latency_p99_ms:g}", sentence)


def schema(contract: ModelContract, outcome: Outcome) -> Check:
    """Nulls only where the contract allows them, and finite scores."""
    broken = [
        entry.name for entry in contract.inputs if not entry.nullable and outcome.null_shares.get(entry.name, 0.0) > 0
    ]
    finite = bool(np.isfinite(outcome.challenger).all())
    sentence = "inputs and scores are as the contract says"
    if broken:
        sentence = f"input {broken[0]} has nulls, and the contract does not allow them"
    elif not finite:
        sentence = "some scores are not finite numbers"
    return Check("schema", not broken and finite, ", ".join(broken) or "clean", "as the contract says", sentence)


def enough(contract: ModelContract, outcome: Outcome) -> Check:
    """There are rows to judge by: of both classes, of several users."""
    count = len(outcome.label)
    if contract.task == "ranking":
        users = 0 if outcome.group is None else len(np.unique(outcome.group))
        sentence = f"{count} held-out choices of {users} users"
        return Check("held-out users", users >= MIN_GROUPS, str(users), f">= {MIN_GROUPS}", sentence)
    if contract.task == "multiclass_classification":
        kinds = len(np.unique(outcome.label))
        sentence = f"the held-out rows hold {kinds} classes"
        return Check("held-out classes", kinds >= 2, str(kinds), ">= 2", sentence)
    if contract.task != "binary_classification":
        return Check("held-out rows", count > 0, str(count), "> 0", "rows to judge on")
    positives = int(outcome.label.sum())
    rarer = min(positives, count - positives)
    sentence = f"the held-out rows hold {rarer} of the rarer class"
    return Check("held-out positives", rarer >= MIN_POSITIVES, str(rarer), f">= {MIN_POSITIVES}", sentence)


def leakage(limit: float, outcome: Outcome) -> Check:
    """No column tells (nearly) all alone: one that does mostly knows what came after the moment of the prediction."""
    if not outcome.alone:
        return Check("leakage", False, "unknown", f"<= {limit:g}", "no column could be looked at alone")
    name, told = max(outcome.alone.items(), key=lambda item: item[1])
    sentence = f"{name} tells most alone: {told:.3f} of 1"
    if told > limit:
        sentence = (
            f"{name} alone tells {told:.3f} of 1, more than {limit:g}: is it known before the label? "
            "If so, allow it by the gate alone_at_most"
        )
    return Check("leakage", told <= limit, f"{name} {told:.4f}", f"<= {limit:g}", sentence)


def _threshold(gate: Gate, outcome: Outcome) -> Check:
    assert gate.metric is not None
    value, (low, high) = value_of(gate.metric, outcome.sample), interval_of(gate.metric, outcome.sample, SEED)
    worse = low if gate.at_least is not None else high
    held = worse if gate.confident else value
    passed, limit = _within(gate, held)
    sure = " in the whole interval" if gate.confident else ""
    sentence = f"{gate.metric} is {value:.3f} (90 % interval {low:.3f} to {high:.3f}), must be {limit}{sure}"
    return Check(gate.metric, passed, f"{value:.4f}", limit, sentence)


def _own(gate: Gate, outcome: Outcome) -> Check:
    assert gate.metric is not None
    value = outcome.own.get(gate.metric.removeprefix(CUSTOM), float("nan"))
    passed, limit = _within(gate, value)
    sentence = f"{gate.metric} is {value:.4g}, must be {limit}"
    if not np.isfinite(value):
        sentence = f"metrics(frame) of model.py does not say {gate.metric.removeprefix(CUSTOM)}"
    return Check(gate.metric, passed, f"{value:.4g}", limit, sentence)


def _within(gate: Gate, value: float) -> tuple[bool, str]:
    if gate.at_least is not None:
        return value >= gate.at_least, f">= {gate.at_least:g}"
    assert gate.at_most is not None
    return value <= gate.at_most, f"<= {gate.at_most:g}"


def _versus_champion(gate: Gate, outcome: Outcome) -> Check:
    name = gate.versus_champion
    assert name is not None
    if outcome.champion is None:
        return Check(f"{name} versus champion", True, "no champion", "", "there is no champion to be compared with")
    return _versus(gate, name, "champion", "the champion's", outcome.champion, outcome)


def _versus_baseline(contract: ModelContract, gate: Gate, outcome: Outcome) -> Check:
    name = gate.versus_baseline
    assert name is not None
    if outcome.baseline is None:
        return Check(f"{name} versus baseline", False, "unknown", f">= {gate.margin:g}", "there is no baseline")
    whose = {"forecasting": "the season before's", "ranking": "that of what most choose"}
    words = whose.get(contract.task, "that of one answer for all")
    return _versus(gate, name, "baseline", words, outcome.baseline, outcome)


def _versus(gate: Gate, name: str, kind: str, whose: str, rival: Array, outcome: Outcome) -> Check:
    sample, sign = outcome.sample, -1.0 if name in LOWER_IS_BETTER else 1.0
    ours, theirs = value_of(name, sample), value_of(name, sample.scored(rival))
    low, high = paired_interval_of(name, sample, rival, SEED)
    better_by = sign * (ours - theirs)
    certain = low if sign > 0 else -high
    sentence = (
        f"{name} {ours:.3f} against {whose} {theirs:.3f} on the same {len(sample)} rows "
        f"(difference {ours - theirs:+.3f}, 90 % interval {low:+.3f} to {high:+.3f})"
    )
    passed = (certain if gate.confident else better_by) >= gate.margin
    return Check(f"{name} versus {kind}", passed, f"better by {better_by:.4f}", f">= {gate.margin:g}", sentence)


def slice_values(contract: ModelContract, outcome: Outcome, column: str, least: int) -> list[tuple[str, int, float]]:
    """The primary metric of each value of a column that has rows enough: value, rows, metric; the worst first."""
    name, values = contract.metrics.primary, outcome.slices.get(column)
    if values is None:
        return []
    found = []
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        metric = value_of(name, outcome.sample.where(values == value)) if count >= least else float("nan")
        if np.isfinite(metric):
            found.append((str(value), int(count), metric))
    return sorted(found, key=lambda entry: entry[2], reverse=name in LOWER_IS_BETTER)


def _slice(contract: ModelContract, gate: Gate, outcome: Outcome) -> Check:
    assert gate.slice is not None
    name, limit = contract.metrics.primary, f"<= {gate.drop:g} worse"
    found = slice_values(contract, outcome, gate.slice, gate.min_rows)
    if not found:
        sentence = f"no value of {gate.slice} has {gate.min_rows} held-out rows on which {name} has a meaning"
        return Check(f"slices by {gate.slice}", False, "unknown", limit, sentence)
    value, rows, metric = found[0]
    whole = value_of(name, outcome.sample)
    worse_by = _worse(name, whole, metric)
    sentence = f"{name} is worst where {gate.slice} is {value}: {metric:.3f} on {rows} rows, {whole:.3f} on all"
    return Check(f"slices by {gate.slice}", worse_by <= gate.drop, f"{value}: {metric:.4f}", limit, sentence)


def missing_values(contract: ModelContract, outcome: Outcome) -> list[tuple[str, float]]:
    """How much worse the primary metric is when an input is missing everywhere: the worst first."""
    name, whole = contract.metrics.primary, value_of(contract.metrics.primary, outcome.sample)
    lost = [
        (column, _worse(name, whole, value_of(name, outcome.sample.scored(scores))))
        for column, scores in outcome.missing.items()
    ]
    return sorted(lost, key=_worst_first)


def _worst_first(entry: tuple[str, float]) -> tuple[bool, float]:
    return (np.isfinite(entry[1]), -entry[1] if np.isfinite(entry[1]) else 0.0)


def _missing(contract: ModelContract, limit: float, outcome: Outcome) -> Check:
    found = missing_values(contract, outcome)
    if not found:
        sentence = "no input may be missing by the contract, so that there is nothing to try"
        return Check("missing inputs", not any(e.nullable for e in contract.inputs), "none", f"<= {limit:g}", sentence)
    column, worse_by = found[0]
    name = contract.metrics.primary
    sentence = f"without {column}, {name} is worse by {worse_by:.3f}: more than without any other input"
    return Check("missing inputs", worse_by <= limit, f"{column}: {worse_by:.4f}", f"<= {limit:g}", sentence)


def _worse(name: str, whole: float, part: float) -> float:
    return part - whole if name in LOWER_IS_BETTER else whole - part

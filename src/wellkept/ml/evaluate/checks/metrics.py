"""Floors and ceilings, and comparisons with the champion and with the simplest model on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import SEED, worse
from wellkept.ml.gates import BaselineGate, ChampionGate, DecisionsGate, MetricGate
from wellkept.ml.metrics import Array
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import Sample, interval_of, paired_interval_of, value_of
from wellkept.ml.tasks import CUSTOM, LOWER_IS_BETTER, OF_INTERVALS, is_own

DECISIONS, PINBALL = "changed decisions", "pinball"
FAIR = 0.5
"""When the champion was trained on some of the rows, they are left out as long as such a share is left."""


def threshold(_: ModelContract, gate: MetricGate, outcome: Outcome) -> Check:
    """A floor or a ceiling."""
    if is_own(gate.metric):
        return _own(gate, outcome)
    value, (low, high) = value_of(gate.metric, outcome.sample), interval_of(gate.metric, outcome.sample, SEED)
    worst = low if gate.at_least is not None else high
    passed, limit = _within(gate, worst if gate.confident else value)
    sure = " in the whole interval" if gate.confident else ""
    sentence = f"{gate.metric} is {value:.3f} (90 % interval {low:.3f} to {high:.3f}), must be {limit}{sure}"
    if not passed and gate.yields_to_better and outcome.rival is not None:
        passed, words = _yields(gate.metric, outcome, outcome.rival, lambda theirs, _: not _within(gate, theirs)[0])
        sentence += words
    return Check(gate.metric, passed, f"{value:.4f}", limit, sentence)


def _yields(
    metric: str, outcome: Outcome, champion: Sample, is_missed: Callable[[float, NDArray[np.bool_]], bool]
) -> tuple[bool, str]:
    """Whether the champion misses a limit as well, and the challenger is surely better than it, with words.

    Where only the noise has grown no answer can be better, but an interval can: then its pinball loss says so.
    ``is_missed`` says so of the champion's value on the rows [bool[n]] that the two are compared on.
    """
    fair = _fair(outcome)
    ours, rival = outcome.sample.where(fair), champion.where(fair)
    theirs, (low, high) = value_of(metric, rival), paired_interval_of(metric, ours, rival, SEED)
    better_by = -high if metric in LOWER_IS_BETTER else low
    words = f"; the champion has {theirs:.3f} on the same rows (difference {low:+.3f} to {high:+.3f})"
    if better_by <= 0 and low <= 0 <= high and rival.bounds is not None:
        low, high = paired_interval_of(PINBALL, ours, rival, SEED)
        words += (
            f", its intervals a pinball loss of {value_of(PINBALL, rival):.3f} (difference {low:+.3f} to {high:+.3f})"
        )
        better_by = -high
    yields = is_missed(theirs, fair) and better_by > 0
    return yields, f"{words}, and the limit yields to what is surely better" if yields else words


def _own(gate: MetricGate, outcome: Outcome) -> Check:
    value = outcome.own.get(gate.metric.removeprefix(CUSTOM), float("nan"))
    passed, limit = _within(gate, value)
    sentence = f"{gate.metric} is {value:.4g}, must be {limit}"
    if not np.isfinite(value):
        sentence = f"metrics(frame) of model.py does not say {gate.metric.removeprefix(CUSTOM)}"
    return Check(gate.metric, passed, f"{value:.4g}", limit, sentence)


def _within(gate: MetricGate, value: float) -> tuple[bool, str]:
    if gate.at_least is not None:
        return value >= gate.at_least, f">= {gate.at_least:g}"
    assert gate.at_most is not None
    return value <= gate.at_most, f"<= {gate.at_most:g}"


def versus_champion(_: ModelContract, gate: ChampionGate, outcome: Outcome) -> Check:
    """The same rows, scored by both."""
    name = gate.versus_champion
    if outcome.rival is None:
        return Check(f"{name} versus champion", True, "no champion", "", "there is no champion to be compared with")
    if name in OF_INTERVALS and outcome.champion_bounds is None:
        words = "the champion answers without an interval of this share"
        return Check(f"{name} versus champion", True, "no interval", "", words)
    fair, seen, words = _fair(outcome), int((~outcome.unseen).sum()), ""
    if seen:
        words = f"; {seen} more are left out, as the champion was trained on them"
        if fair.all():
            words = f"; the champion was trained on {seen} of them, which speaks for it"
    return _versus(gate, "champion", "the champion's", outcome.rival.where(fair), outcome.sample.where(fair), words)


def _fair(outcome: Outcome) -> NDArray[np.bool_]:
    """The rows to compare with the champion on: those it was not trained on, or all where those are too few."""
    unseen = outcome.unseen
    return unseen if unseen.sum() >= FAIR * len(unseen) else np.ones(len(unseen), dtype=np.bool_)


def decisions(contract: ModelContract, gate: DecisionsGate, outcome: Outcome) -> Check:
    """The share of the rows on which challenger and champion do not decide alike."""
    limit = f"<= {gate.changed_at_most:g} of rows"
    if outcome.champion is None:
        return Check(DECISIONS, True, "no champion", limit, "there is no champion whose decisions could change")
    if not len(outcome.label):
        return Check(DECISIONS, False, "no rows", limit, "there are no rows to decide on")
    ours, theirs = (_decided(contract, scores) for scores in (outcome.challenger, outcome.champion))
    changed = float((ours != theirs).mean())
    up, down = int((ours > theirs).sum()), int((ours < theirs).sum())
    sentence = f"{changed:.1%} of the {len(ours)} rows are decided otherwise than by the champion"
    sentence += f" ({up} up, {down} down)"
    return Check(DECISIONS, changed <= gate.changed_at_most, f"{changed:.4f}", limit, sentence)


def _decided(contract: ModelContract, scores: Array) -> Array:
    """The class of each row, or whether its score reaches the threshold."""
    threshold = contract.output.threshold
    return scores if threshold is None else (scores >= threshold).astype(float)


def versus_baseline(contract: ModelContract, gate: BaselineGate, outcome: Outcome) -> Check:
    """The same rows, as the simplest model would answer."""
    name = gate.versus_baseline
    if outcome.baseline is None:
        return Check(f"{name} versus baseline", False, "unknown", f">= {gate.margin:g}", "there is no baseline")
    whose = {"forecasting": "the season before's", "ranking": "that of what most choose"}
    words = whose.get(contract.task, "that of one answer for all")
    found = _versus(gate, "baseline", words, outcome.sample.scored(outcome.baseline), outcome.sample)
    if found.passed or not gate.yields_to_better or outcome.rival is None:
        return found
    baseline = outcome.baseline

    def is_missed(theirs: float, rows: NDArray[np.bool_]) -> bool:
        simplest = value_of(name, outcome.sample.where(rows).scored(baseline[rows]))
        return -worse(name, simplest, theirs) < gate.margin

    passed, more = _yields(name, outcome, outcome.rival, is_missed)
    return replace(found, passed=passed, sentence=found.sentence + more)


def _versus(
    gate: ChampionGate | BaselineGate, kind: str, whose: str, rival: Sample, sample: Sample, more: str = ""
) -> Check:
    name = gate.rival
    sign = -1.0 if name in LOWER_IS_BETTER else 1.0
    ours, theirs = value_of(name, sample), value_of(name, rival)
    low, high = paired_interval_of(name, sample, rival, SEED)
    better_by = sign * (ours - theirs)
    certain = low if sign > 0 else -high
    sentence = (
        f"{name} {ours:.3f} against {whose} {theirs:.3f} on the same {len(sample)} rows "
        f"(difference {ours - theirs:+.3f}, 90 % interval {low:+.3f} to {high:+.3f}){more}"
    )
    passed = (certain if gate.confident else better_by) >= gate.margin
    return Check(f"{name} versus {kind}", passed, f"better by {better_by:.4f}", f">= {gate.margin:g}", sentence)

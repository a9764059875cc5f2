"""The evaluate stage: every gate of the contract becomes a check with its value and its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.ml.contract import LOWER_IS_BETTER, Gate, ModelContract
from wellkept.ml.metrics import METRICS, paired_interval

STAGE = Stage(
    name="ml.evaluate",
    consumes=frozenset({Message.RESULT}),
    emits=frozenset({Message.VERDICT}),
    purpose="Judges a trained model on held-out recent rows against the contract's gates and the champion.",
)

SEED = 7
MIN_POSITIVES = 10

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to judge: scores of challenger and champion (None without one) on the same held-out rows."""

    label: Array
    challenger: Array
    champion: Array | None
    latency_p99_ms: float
    null_shares: Mapping[str, float]


def measure(contract: ModelContract, outcome: Outcome) -> dict[str, float]:
    """The contract's metrics of the challenger; one that has no meaning on these rows is left out."""
    names = (contract.metrics.primary, *contract.metrics.others)
    values = {name: METRICS[name](outcome.label, outcome.challenger) for name in names}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def judge(contract: ModelContract, outcome: Outcome, digest: str, at: datetime) -> Verdict:
    """The verdict of the gates; it passes when every check does."""
    checks = [_schema(contract, outcome), _enough(contract, outcome)]
    checks += [_check(gate, outcome) for gate in contract.gates]
    failed = [check for check in checks if not check.passed]
    sentence = (
        f"{len(checks)} of {len(checks)} checks passed"
        if not failed
        else f"{len(failed)} of {len(checks)} checks failed: {'; '.join(check.sentence for check in failed)}"
    )
    return Verdict(
        id=f"gate-{digest.removeprefix('sha256:')[:12]}",
        subject=digest,
        kind="gate",
        judgement=Judgement.FAIL if failed else Judgement.PASS,
        at=at,
        checks=tuple(checks),
        sentence=sentence,
    )


def _check(gate: Gate, outcome: Outcome) -> Check:
    if gate.metric is not None:
        return _threshold(gate, outcome)
    if gate.versus_champion is not None:
        return _comparison(gate, outcome)
    assert gate.latency_p99_ms is not None
    sentence = f"one row takes {outcome.latency_p99_ms:.2f} ms at the 99th percentile"
    passed = outcome.latency_p99_ms <= gate.latency_p99_ms
    return Check("latency_p99_ms", passed, f"{outcome.latency_p99_ms:.3f}", f"<= {gate.latency_p99_ms:g}", sentence)


def _threshold(gate: Gate, outcome: Outcome) -> Check:
    assert gate.metric is not None
    value = METRICS[gate.metric](outcome.label, outcome.challenger)
    if gate.at_least is not None:
        passed, limit = value >= gate.at_least, f">= {gate.at_least:g}"
    else:
        assert gate.at_most is not None
        passed, limit = value <= gate.at_most, f"<= {gate.at_most:g}"
    return Check(gate.metric, passed, f"{value:.4f}", limit, f"{gate.metric} is {value:.3f}, must be {limit}")


def _comparison(gate: Gate, outcome: Outcome) -> Check:
    name = gate.versus_champion
    assert name is not None
    if outcome.champion is None:
        return Check(f"{name} versus champion", True, "no champion", "", "there is no champion to be compared with")
    metric, sign = METRICS[name], -1.0 if name in LOWER_IS_BETTER else 1.0
    ours, theirs = metric(outcome.label, outcome.challenger), metric(outcome.label, outcome.champion)
    low, high = paired_interval(metric, outcome.label, outcome.challenger, outcome.champion, SEED)
    better_by = sign * (ours - theirs)
    sentence = (
        f"{name} {ours:.3f} against the champion's {theirs:.3f} on the same {len(outcome.label)} rows "
        f"(difference {ours - theirs:+.3f}, 90 % interval {low:+.3f} to {high:+.3f})"
    )
    passed = better_by >= gate.margin
    return Check(f"{name} versus champion", passed, f"better by {better_by:.4f}", f">= {gate.margin:g}", sentence)


def _schema(contract: ModelContract, outcome: Outcome) -> Check:
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


def _enough(contract: ModelContract, outcome: Outcome) -> Check:
    """A classifier can only be judged on rows of both classes."""
    if contract.task == "regression":
        return Check("held-out rows", len(outcome.label) > 0, str(len(outcome.label)), "> 0", "rows to judge on")
    positives = int(outcome.label.sum())
    rarer = min(positives, len(outcome.label) - positives)
    sentence = f"the held-out rows hold {rarer} of the rarer class"
    return Check("held-out positives", rarer >= MIN_POSITIVES, str(rarer), f">= {MIN_POSITIVES}", sentence)

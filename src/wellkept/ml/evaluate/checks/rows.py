"""The rows themselves: as the contract says, enough of them, none that knows or repeats what it should not."""

from __future__ import annotations

import numpy as np

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import percent
from wellkept.ml.gates import AloneGate, SharedRowsGate
from wellkept.ml.outcome import Outcome

MIN_POSITIVES, MIN_GROUPS = 10, 5
ALONE_AT_MOST, SHARED_AT_MOST = 0.99, 0.02
"""What is allowed where the contract has no gate of its own for it."""
ROUNDED = 1e-5
"""By so much a probability may be beyond 0 or 1 in a form of single precision."""


def schema(contract: ModelContract, outcome: Outcome) -> Check:
    """Nulls only where the contract allows them, and scores that are what the task answers."""
    broken = [
        entry.name for entry in contract.inputs if not entry.nullable and outcome.null_shares.get(entry.name, 0.0) > 0
    ]
    scores = outcome.challenger
    finite = bool(np.isfinite(scores).all())
    is_chance = contract.task == "binary_classification"
    far = scores[is_chance & ((scores < -ROUNDED) | (scores > 1 + ROUNDED))]
    sentence = "inputs and scores are as the contract says"
    if broken:
        sentence = f"input {broken[0]} has nulls, and the contract does not allow them"
    elif not finite:
        sentence = "some scores are not finite numbers"
    elif len(far):
        sentence = (
            f"{len(far)} of {len(scores)} scores are no probability from 0 to 1, such as {far[0]:.4g}: return an "
            "estimator with predict_proba"
        )
    passed = not broken and finite and not len(far)
    return Check("schema", passed, ", ".join(broken) or "clean", "as the contract says", sentence)


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


def alone(_: ModelContract, gate: AloneGate, outcome: Outcome) -> Check:
    """No column tells (nearly) all alone: one that does mostly knows what came after the moment of the prediction."""
    limit = gate.alone_at_most
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


def shared_rows(_: ModelContract, gate: SharedRowsGate, outcome: Outcome) -> Check:
    """Held-out rows are of their own: no copies of training rows, and not made of others."""
    name, limit, found = "shared rows", f"<= {percent(gate.shared_rows_at_most)}", outcome.shared
    if found is None or found.rows == 0:
        return Check(name, False, "unknown", limit, "there were no rows whose content could be compared")
    counts = f"{found.same} of {found.rows} held-out rows are training rows again"
    counts += f"; of {found.sampled} looked at closely, {found.near} are near copies and {found.made} interpolated"
    if not found.telling:
        counts += "; the rows say too little to tell one from another, so that equal ones prove nothing"
    passed = found.share <= gate.shared_rows_at_most
    if not passed:
        why = "resampling or augmenting (such as SMOTE) before the split" if found.made or found.near else "copies"
        counts += f": the figures are too good by it. Look for {why}, or allow it by the gate shared_rows_at_most"
    return Check(name, passed, percent(found.share), limit, counts)


def apart(contract: ModelContract, outcome: Outcome) -> list[Check]:
    """What needs no gate: training is older than what it is judged by, nobody is on both sides, no label is encoded."""
    found = outcome.shared
    if found is None:
        return []
    checks = []
    if outcome.at is not None and contract.task != "ranking":
        words = f"{found.late} training rows are newer than the first held-out row"
        words = words if found.late else "every training row is at least as old as the first held-out row"
        checks.append(Check("time order", found.late == 0, str(found.late), "0", words))
    if contract.group_by is not None:
        words = f"{found.entities} values of {contract.group_by} are on both sides"
        checks.append(Check("groups apart", found.entities == 0, str(found.entities), "0", words))
    if found.encoded:
        words = f"{found.encoded[0]} is the mean label by value over all rows, the held-out ones among them"
        checks.append(Check("target encoding", False, ", ".join(found.encoded), "none", words))
    return checks

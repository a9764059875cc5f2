"""The model as it is served: the time of one row, the declared load, and the same scores as in training."""

from __future__ import annotations

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.gates import BudgetGate, LatencyGate, ParityGate
from wellkept.ml.outcome import Outcome

KEPT = 0.95
"""A server that answers fewer of the declared requests a second does not keep the load."""
BUSY = 0.5


def latency(_: ModelContract, gate: LatencyGate, outcome: Outcome) -> Check:
    """One row in the process that trained."""
    sentence = f"one row takes {outcome.latency_p99_ms:.2f} ms at the 99th percentile"
    passed = len(outcome.label) > 0 and 0 <= outcome.latency_p99_ms <= gate.latency_p99_ms
    return Check("latency_p99_ms", passed, f"{outcome.latency_p99_ms:.3f}", f"<= {gate.latency_p99_ms:g}", sentence)


def parity(_: ModelContract, gate: ParityGate, outcome: Outcome) -> Check:
    """The model server's answers beside the estimator's, asked as any caller asks."""
    name, limit = "parity of serving", f"<= {gate.parity_at_most:g}"
    found = outcome.served.parity if outcome.served is not None else None
    if found is None:
        return Check(name, False, "unknown", limit, "the model server was not asked")
    if found.refused:
        return Check(name, False, "refused", limit, f"the model server did not answer: {found.refused}")
    if not found.rows:
        return Check(name, False, "unknown", limit, "there were no rows to ask the model server")
    sentence = (
        f"served and trained scores differ by at most {found.largest:.2g} on {found.rows} rows, nulls and extremes"
    )
    sentence += " among them"
    if found.largest > gate.parity_at_most and found.example is not None:
        sentence += f"; most on {found.example}"
    return Check(name, found.largest <= gate.parity_at_most, f"{found.largest:.3g}", limit, sentence)


def budget(contract: ModelContract, gate: BudgetGate, outcome: Outcome) -> Check:
    """The model server under the declared load."""
    terms = gate.budget
    name = f"budget at {terms.requests_per_s:g} requests/s"
    limits = [
        f"p99 <= {terms.p99_ms:g} ms" if terms.p99_ms is not None else "",
        f"memory <= {terms.memory_mb:g} MB" if terms.memory_mb is not None else "",
    ]
    limit = ", ".join(one for one in limits if one)
    place = next(index for index, one in enumerate(contract.gates) if one is gate)
    loads = outcome.served.loads if outcome.served is not None else ()
    load = next((one for one in loads if one.gate == place), None)
    if load is None or load.trouble or not load.sent:
        why = "the model server was not put under load" if load is None else load.trouble or "nothing was sent"
        return Check(name, False, "unknown", limit, why)
    fast = terms.p99_ms is None or load.p99_ms <= terms.p99_ms
    small = terms.memory_mb is None or 0 < load.memory_mb <= terms.memory_mb
    kept = load.failed == 0 and load.answered_per_s >= KEPT * load.wanted_per_s
    sentence = (
        f"of {load.sent} requests of {terms.batch_rows} rows, sent at {load.wanted_per_s:.0f} a second, "
        f"{load.sent - load.failed} were answered ({load.answered_per_s:.0f} a second): half within "
        f"{load.p50_ms:.2f} ms, 99 % within {load.p99_ms:.2f} ms (the best of {len(load.tries)}); "
        f"{load.memory_mb:.0f} MB of memory; others kept {100 * load.busy:.0f} % of the machine busy"
    )
    if not (fast and kept) and load.busy > BUSY:
        sentence += ". A quieter machine may say otherwise"
    return Check(name, fast and small and kept, f"{load.p99_ms:.2f} ms, {load.memory_mb:.0f} MB", limit, sentence)

"""Estimated performance: what the newest predictions are worth, while their labels are still on their way."""

from __future__ import annotations

from datetime import UTC, datetime

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.estimate.history import PerformanceHistory
from wellkept.ml.watch.base import Said, Served

CALM = 0.5
"""A finding ends when the drop is below this share of the limit."""
POINTS = 60


class EstimatedPerformance:
    """The estimate of the newest window against the contract's floor, as long as it is to be believed.

    It is told when all of its interval is below the floor: it is looked at again and again, what was promised is
    itself only known to within an interval, and labels will say more. An estimate that is not valid says nothing,
    neither good nor bad: a finding that rested on one ends, and the reason is shown with the history.
    """

    name = "estimated"
    version = "2"

    def watch(self, served: Served, now: datetime) -> Said:
        history = served.history
        if history is None or history.promised is None or history.floor is None:
            return Said()
        print_ = fingerprint(self.name, model_id(served.model), history.metric)
        told = history.now
        if history.rows < served.contract.monitors.performance.min_labels:
            return Said()
        if not told.is_valid or told.value is None or told.low is None or told.high is None:
            return Said(clear=frozenset({print_}))
        sign = 1.0 if history.lower_is_better else -1.0
        allowed = sign * (history.floor - history.promised)
        drop = sign * (told.value - history.promised)
        least = sign * ((told.low if sign > 0 else told.high) - history.promised)
        if least >= allowed or (print_ in served.open and drop >= CALM * allowed):
            return Said((self._finding(served, history, drop, allowed, now),))
        return Said(clear=frozenset({print_}))

    def _finding(
        self, served: Served, history: PerformanceHistory, drop: float, allowed: float, now: datetime
    ) -> Finding:
        told, name = history.now, history.metric.replace("_", " ")
        assert told.value is not None
        assert history.promised is not None
        assert told.low is not None
        assert told.high is not None
        print_ = fingerprint(self.name, model_id(served.model), history.metric)
        known = served.open.get(print_)
        since = known.starts_at if known else history.since or now
        record = history.record
        checked = (
            f"; {record.count} such estimates were off by {record.mean_error:.3f} on average" if record.count else ""
        )
        return Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.PERFORMANCE,
            severity=Severity.WARNING,
            score=round(drop / (drop + max(allowed, 1e-9)), 6) if drop > 0 else 0.0,
            score_meaning="the estimated drop over the drop plus its limit: 0.5 is at the limit",
            starts_at=since,
            sentence=(
                f"{name.capitalize()} of {served.model} is estimated at {told.value:.3f} on its newest {history.rows} "
                f"predictions, whose labels are not known yet (90 % interval {told.low:.3f} to {told.high:.3f}); "
                f"{history.promised:.3f} was promised, the floor is {history.floor:.3f}{checked}."
            ),
            evidence=(
                Evidence(
                    f"estimated_{history.metric}",
                    window_start=history.since,
                    window_end=now,
                    points=tuple(
                        (one.end.astimezone(UTC).timestamp(), one.estimate.value)
                        for one in history.cohorts[-POINTS:]
                        if one.estimate.value is not None and one.estimate.is_valid
                    ),
                    expected=(told.low, told.high),
                    limit=history.floor,
                    values={"value": told.value, "promised": history.promised, "rows": float(history.rows)},
                ),
            ),
            attributes={"title": f"{served.model} probably predicts worse", "cause": "estimated"},
        )
